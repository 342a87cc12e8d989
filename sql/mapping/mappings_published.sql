-- Grain: one row per decision that the published mapping tables of the period rest on.
-- Inputs: map.accounts, map.services. Parameter: $period.

select
    'account' as kind,
    accounts.system,
    accounts.account_id as item_id,
    accounts.company_id as target_id,
    'usage' as leg,
    cast(1 as decimal(18, 4)) as multiplier,
    accounts.state,
    accounts.decided_by,
    accounts.decided_at,
    cast(null as varchar) as rule
from map.accounts as accounts
where accounts.period = $period and accounts.decided_at is not null

union all

select
    'service' as kind,
    services.system,
    services.service_id as item_id,
    services.product_id as target_id,
    services.leg,
    services.multiplier,
    services.state,
    services.decided_by,
    services.decided_at,
    services.rule
from map.services as services
where services.period = $period and (services.decided_at is not null or services.rule is not null)
