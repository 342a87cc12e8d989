-- One row per active agreement type with its agreements, all and in scope. Parameter: $period.

select
    types.name,
    count(agreements.agreement_id) as agreements,
    count(case when agreements.is_active then 1 end) as in_scope
from core.agreement_types as types
inner join core.pulls as pulls
    on types.pull_id = pulls.pull_id and pulls.period = $period and pulls.is_evidence
left join core.agreements as agreements
    on types.pull_id = agreements.pull_id and types.type_id = agreements.type_id
where types.is_active
group by types.type_id, types.name
order by types.name
