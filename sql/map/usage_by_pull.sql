-- Grain: what one account used of one service at one pull. Key: pull_id, account_id, service_id.
-- Inputs: core.usage of the pull. Parameters: $period, $pull_id.
-- Earlier pulls of a month are kept for services that are invoiced by the month's highest count.

select
    $period as period,
    usage.system,
    usage.account_id,
    usage.service_id,
    sum(usage.qty) as qty,
    max(usage.as_of) as as_of,
    usage.pull_id
from core.usage as usage
where usage.pull_id = $pull_id
group by usage.system, usage.account_id, usage.service_id, usage.pull_id
