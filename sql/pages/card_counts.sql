-- How each vendor service was counted for one company and service group, step by step; all legs.
-- Inputs: recon.counts. Parameters: $period, $customer, $service.

select
    counts.system,
    counts.service_id,
    counts.service_name,
    counts.leg,
    counts.qty_latest,
    counts.qty_highest,
    counts.highest_at,
    counts.qty_excluded,
    counts.qty_counted,
    counts.equation,
    counts.rule
from recon.counts as counts
where
    counts.period = $period
    and counts.company_id = $customer
    and counts.service_group_id = $service
order by
    case counts.leg when 'usage' then 1 when 'purchased' then 2 else 3 end,
    counts.system,
    counts.service_name,
    counts.service_id
