-- One row per system: its evidence, what it cost, and what is wrong with it. Parameter: $period.

with ranked as (
    select
        pulls.system,
        pulls.role,
        pulls.is_evidence,
        pulls.is_stale,
        pulls.records,
        pulls.calls,
        pulls.reason,
        pulls.next_step
    from core.pulls as pulls
    where pulls.period = $period
    qualify row_number() over (
        partition by pulls.system
        order by pulls.is_evidence desc, pulls.started_at desc, pulls.pull_id desc
    ) = 1
)

select
    ranked.system,
    case when ranked.is_evidence then 'complete' else 'none' end as state,
    ranked.is_stale,
    ranked.records,
    ranked.calls,
    ranked.reason,
    ranked.next_step
from ranked
order by ranked.role, ranked.system
