-- Grain: one row per vendor account that uses something and has no PSA company.
-- Key: period, system, account_id. Inputs: core.usage, map.accounts. Parameter: $period.

select
    $period as period,
    usage.system,
    usage.account_id,
    max(accounts.account_name) as account_name,
    sum(usage.qty) as qty,
    cast(sum(usage.qty * usage.unit_cost) as decimal(18, 4)) as cost,
    coalesce(
        max(accounts.drift),
        'Map the account to a PSA company, or exclude it with a reason.'
    ) as next_step
from core.usage as usage
inner join core.pulls as pulls
    on usage.pull_id = pulls.pull_id and pulls.period = $period and pulls.is_evidence
inner join map.accounts as accounts
    on
        usage.system = accounts.system
        and usage.account_id = accounts.account_id
        and accounts.period = $period
        and accounts.state = 'unmapped'
where usage.qty <> 0
group by usage.system, usage.account_id
