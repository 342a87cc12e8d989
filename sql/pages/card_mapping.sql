-- The mapping a card rests on: the company's accounts at the vendors that feed the service, and the
-- vendor services that feed it. Inputs: map.*. Parameters: $period, $customer, $service.

with services as (
    select distinct
        services.system,
        services.service_id,
        services.service_name,
        services.leg,
        services.multiplier,
        services.product_id,
        services.method,
        services.decided_by,
        services.decided_at,
        services.drift
    from map.services as services
    inner join map.service_groups as service_groups
        on
            services.period = service_groups.period
            and services.product_id = service_groups.member_id
            and service_groups.member_kind = 'product'
    where
        services.period = $period
        and services.state = 'mapped'
        and service_groups.service_group_id = $service
),

vendors as (
    select distinct services.system
    from services
)

select
    'account' as kind,
    accounts.system,
    accounts.account_id as item_id,
    accounts.account_name as item_name,
    accounts.company_id as target_id,
    cast(null as varchar) as leg,
    cast(null as decimal(18, 4)) as multiplier,
    accounts.is_listed,
    accounts.method,
    accounts.decided_by,
    accounts.decided_at,
    accounts.drift
from map.accounts as accounts
inner join vendors on accounts.system = vendors.system
where accounts.period = $period and accounts.company_id = $customer and accounts.state = 'mapped'

union all

select
    'service' as kind,
    services.system,
    services.service_id as item_id,
    services.service_name as item_name,
    services.product_id as target_id,
    services.leg,
    services.multiplier,
    true as is_listed,
    services.method,
    services.decided_by,
    services.decided_at,
    services.drift
from services
order by kind, system, item_name, item_id
