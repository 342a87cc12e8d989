-- Units and accounts of each service of one system. Inputs: core.*. Parameters: $period, $system.

select
    usage.service_id,
    coalesce(max(services.name), usage.service_id) as service_name,
    sum(usage.qty) as qty,
    count(distinct usage.account_id) as accounts
from core.usage as usage
inner join core.pulls as pulls on usage.pull_id = pulls.pull_id
left join core.services as services
    on usage.pull_id = services.pull_id and usage.service_id = services.service_id
where pulls.period = $period and pulls.is_evidence and pulls.system = $system
group by usage.service_id
order by usage.service_id
