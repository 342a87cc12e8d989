-- What waits, what was applied and what was refused, in one row. Parameter: $period.

with cards as (
    select count(case when card_status.status in ('open', 'reopened') then 1 end) as decisions_waiting
    from review.card_status as card_status
    where card_status.period = $period
),

changes as (
    select
        count(case
            when
                not write_backs.is_withdrawn
                and write_backs.state in ('queued', 'not_applied', 'intent', 'sent', 'unknown')
                then 1
        end) as changes_waiting,
        count(case when write_backs.state in ('verified', 'proved', 'done_by_hand') then 1 end)
            as changes_applied,
        count(case
            when write_backs.state in ('conflict', 'rejected', 'needs_person', 'disproved') then 1
        end) as changes_refused
    from review.write_backs as write_backs
    where write_backs.period = $period
)

select
    cards.decisions_waiting,
    changes.changes_waiting,
    changes.changes_applied,
    changes.changes_refused
from cards
cross join changes
