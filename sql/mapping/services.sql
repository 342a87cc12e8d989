-- Grain: one row per vendor service of the period, with the PSA products it is linked to.
-- Inputs: account_states, service_states (map.* with the newest mappings), core.*.
-- Parameters: $period, $vendor, $state, $q ('' for all), $size, $skip.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

products as (
    select
        products.product_id,
        products.name,
        products.unit_price,
        products.currency
    from core.products as products
    inner join evidence on products.pull_id = evidence.pull_id
),

listed as (
    select
        services.system,
        services.service_id,
        services.unit,
        services.billing_term,
        services.commitment_term
    from core.services as services
    inner join evidence on services.pull_id = evidence.pull_id
),

usage as (
    select
        usage.system,
        usage.service_id,
        sum(usage.qty) as qty,
        count(distinct case when usage.qty <> 0 then usage.account_id end) as accounts_count,
        count(distinct case when usage.qty <> 0 then accounts.company_id end) as companies_count,
        min(usage.unit_cost) as unit_cost_low,
        max(usage.unit_cost) as unit_cost_high,
        max(usage.currency) as currency
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    left join account_states as accounts
        on
            usage.system = accounts.system
            and usage.account_id = accounts.account_id
            and accounts.state = 'mapped'
    group by usage.system, usage.service_id
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
        bool_and(states.is_countable) as is_countable,
        max(states.rule) as rule,
        max(states.drift) as drift,
        max(case when states.state <> 'mapped' then states.reason end) as reason,
        max(states.decided_by) as decided_by,
        max(states.decided_at) as decided_at,
        string_agg(products.name, ' ') as product_names,
        list(
            struct_pack(
                product_id := states.product_id,
                name := products.name,
                leg := states.leg,
                multiplier := states.multiplier,
                unit_price := products.unit_price,
                currency := products.currency,
                method := states.method,
                decided_by := states.decided_by,
                decided_at := states.decided_at,
                reason := states.reason
            )
            order by products.name, states.product_id
        ) filter (where states.state = 'mapped') as links
    from service_states as states
    left join products on states.product_id = products.product_id
    group by states.system, states.service_id
)

select
    services.system,
    services.service_id,
    services.service_name,
    services.state,
    services.is_countable,
    services.rule,
    services.drift,
    services.reason,
    services.decided_by,
    services.decided_at,
    services.links,
    listed.unit,
    listed.billing_term,
    listed.commitment_term,
    listed.service_id is not null as is_listed,
    coalesce(usage.qty, 0) as qty,
    coalesce(usage.accounts_count, 0) as accounts_count,
    coalesce(usage.companies_count, 0) as companies_count,
    usage.unit_cost_low,
    usage.unit_cost_high,
    usage.currency
from services
left join listed on services.system = listed.system and services.service_id = listed.service_id
left join usage on services.system = usage.system and services.service_id = usage.service_id
where
    $vendor in ('', services.system)
    and $state in ('', services.state)
    and contains(
        lower(concat_ws(' ', services.service_name, services.service_id, services.product_names)), lower($q)
    )
order by
    services.state = 'unmapped' desc, coalesce(usage.qty, 0) desc, services.service_name, services.system,
    services.service_id
limit $size offset $skip
