-- Decisions by kind and action items by action. Parameter: $period.

select
    concat('decisions: ', decisions.decision) as what,
    count(*) as records
from review.decisions as decisions
where decisions.period = $period
group by decisions.decision

union all

select
    concat('action items: ', action_items.action) as what,
    count(*) as records
from review.action_items as action_items
where action_items.period = $period
group by action_items.action

order by what
