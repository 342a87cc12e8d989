-- Grain: one row per vendor service that mapped accounts use and no PSA product is mapped to.
-- Key: period, system, service_id. Inputs: core.usage, map.accounts, map.services. Parameter: $period.

with unmapped as (
    select
        services.system,
        services.service_id,
        max(services.service_name) as service_name,
        max(services.drift) as drift
    from map.services as services
    where services.period = $period
    group by services.system, services.service_id
    having
        sum(case when services.state = 'mapped' and services.is_countable then 1 else 0 end) = 0
        and sum(case when services.state = 'excluded' then 1 else 0 end) = 0
)

select
    $period as period,
    usage.system,
    usage.service_id,
    max(unmapped.service_name) as service_name,
    count(distinct usage.account_id) as accounts,
    sum(usage.qty) as qty,
    cast(sum(usage.qty * usage.unit_cost) as decimal(18, 4)) as cost,
    coalesce(
        max(unmapped.drift),
        'Map the service to a PSA product, or exclude it with a reason.'
    ) as next_step
from core.usage as usage
inner join core.pulls as pulls
    on usage.pull_id = pulls.pull_id and pulls.period = $period and pulls.is_evidence
inner join map.accounts as accounts
    on
        usage.system = accounts.system
        and usage.account_id = accounts.account_id
        and accounts.period = $period
        and accounts.state = 'mapped'
inner join unmapped on usage.system = unmapped.system and usage.service_id = unmapped.service_id
where usage.qty <> 0
group by usage.system, usage.service_id
