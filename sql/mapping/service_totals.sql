-- Grain: one row per state of vendor services: how many there are, and their units.
-- Inputs: service_states (map.services with the newest mappings), core.*.
-- Parameters: $period, $vendor, $q ('' for all).

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

products as (
    select
        products.product_id,
        products.name
    from core.products as products
    inner join evidence on products.pull_id = evidence.pull_id
),

services as (
    select
        states.system,
        states.service_id,
        max(states.service_name) as service_name,
        case
            when bool_or(states.state = 'mapped') then 'mapped'
            when bool_or(states.state = 'excluded') then 'excluded'
            else 'unmapped'
        end as state,
        string_agg(products.name, ' ') as product_names
    from service_states as states
    left join products on states.product_id = products.product_id
    group by states.system, states.service_id
),

units as (
    select
        usage.system,
        usage.service_id,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    group by usage.system, usage.service_id
)

select
    services.state,
    count(*) as items,
    cast(coalesce(sum(units.qty), 0) as decimal(18, 4)) as qty
from services
left join units on services.system = units.system and services.service_id = units.service_id
where
    $vendor in ('', services.system)
    and contains(
        lower(concat_ws(' ', services.service_name, services.service_id, services.product_names)), lower($q)
    )
group by services.state
