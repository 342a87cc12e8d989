-- What stands at the head of every page, in one row. Inputs: board, core.pulls. Parameter: $period.

with systems as (
    select
        pulls.system,
        pulls.role,
        max(case when pulls.is_evidence then pulls.started_at end) as counted_at,
        max(case when pulls.is_evidence and not pulls.is_stale then 1 else 0 end) as is_fresh,
        arg_max(pulls.state, pulls.started_at) as latest_state
    from core.pulls as pulls
    where pulls.period = $period
    group by pulls.system, pulls.role
)

select
    (
        select count(*)
        from board
        where board.status in ('open', 'reopened')
    ) as cards_open,
    max(case when systems.role = 'psa' then systems.counted_at end) as psa_counted_at,
    count(case when systems.role = 'vendor' then 1 end) as vendors,
    count(case when systems.role = 'vendor' and systems.is_fresh = 1 then 1 end) as vendors_fresh,
    string_agg(
        case when systems.latest_state <> 'complete' then systems.system end, ', '
        order by systems.system
    ) as not_complete
from systems
