-- Cards by status, standing decisions by kind, and line changes by state. Parameter: $period.

select
    concat('cards: ', card_status.status) as what,
    count(*) as records
from review.card_status as card_status
where card_status.period = $period and card_status.status <> 'nothing_to_do'
group by card_status.status

union all

select
    concat('decisions: ', decisions.decision) as what,
    count(*) as records
from review.decisions as decisions
where decisions.period = $period and decisions.stands = 'standing'
group by decisions.decision

union all

select
    concat('line changes: ', write_backs.state) as what,
    count(*) as records
from review.write_backs as write_backs
where write_backs.period = $period and not (write_backs.is_withdrawn and write_backs.attempts = 0)
group by write_backs.state

union all

select
    concat('for a person: ', action_items.action) as what,
    count(*) as records
from review.action_items as action_items
where
    action_items.period = $period
    and action_items.action <> 'change_line'
    -- What somebody has done, or given up, waits for nobody.
    and coalesce(action_items.state, '') not in ('verified', 'proved', 'done_by_hand', 'dropped')
group by action_items.action

order by what
