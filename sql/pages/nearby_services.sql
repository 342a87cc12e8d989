-- Units of unmapped services by the account that uses them.
-- Inputs: recon.unmapped_services, core.usage, core.pulls. Parameter: $period.

select
    unmapped_services.system,
    usage.account_id,
    unmapped_services.service_id as item_id,
    unmapped_services.service_name as item_name,
    sum(usage.qty) as qty
from recon.unmapped_services as unmapped_services
inner join core.usage as usage
    on
        unmapped_services.system = usage.system
        and unmapped_services.service_id = usage.service_id
inner join core.pulls as pulls on usage.pull_id = pulls.pull_id
where
    unmapped_services.period = $period
    and pulls.period = $period
    and pulls.is_evidence
group by
    unmapped_services.system, usage.account_id, unmapped_services.service_id, unmapped_services.service_name
having sum(usage.qty) <> 0
order by unmapped_services.system, item_name, item_id, usage.account_id
