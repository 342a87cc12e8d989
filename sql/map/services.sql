-- Grain: one row per link vendor service -> PSA product, plus one per service without any link.
-- Key: period, system, service_id, product_id. Inputs: core.services, core.products, ledger_mappings,
-- ledger_count_rules. Parameter: $period. Links are many-to-many; a connected set of them is a service
-- group. A count rule belongs to the service, whatever it is linked to.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

listed as (
    select
        services.system,
        services.service_id,
        services.name,
        services.is_countable
    from core.services as services
    inner join evidence on services.pull_id = evidence.pull_id
),

products as (
    select
        products.product_id,
        products.name
    from core.products as products
    inner join evidence on products.pull_id = evidence.pull_id
),

-- Pax8 sells by term: its product without one never counts, also while no list shows it.
sold_by_term as (
    select distinct pulls.system
    from core.pulls as pulls
    where pulls.period = $period and pulls.kind = 'pax8'
),

mapped as (
    select
        mappings.system,
        mappings.item_id,
        mappings.item_name,
        mappings.target_id,
        mappings.target_name,
        mappings.leg,
        mappings.multiplier,
        mappings.state,
        mappings.method,
        mappings.decided_by,
        mappings.decided_at,
        mappings.reason
    from ledger_mappings as mappings
    where mappings.kind = 'service'
),

joined as (
    select
        coalesce(listed.system, mapped.system) as system,
        coalesce(listed.service_id, mapped.item_id) as service_id,
        coalesce(listed.name, mapped.item_name) as service_name,
        coalesce(listed.is_countable, sold_by_term.system is null or mapped.item_id like '%|%')
            as is_countable,
        mapped.item_name as mapped_name,
        mapped.target_name as mapped_product_name,
        mapped.target_id as product_id,
        products.name as product_name,
        coalesce(mapped.leg, 'usage') as leg,
        coalesce(mapped.multiplier, 1) as multiplier,
        mapped.method,
        mapped.decided_by,
        mapped.decided_at,
        mapped.reason,
        case
            when mapped.item_id is null then 'unmapped'
            when mapped.state = 'excluded' then 'excluded'
            when products.product_id is null then 'unmapped'
            else 'mapped'
        end as state
    from listed
    full outer join mapped on listed.system = mapped.system and listed.service_id = mapped.item_id
    left join sold_by_term on mapped.system = sold_by_term.system
    left join products on mapped.target_id = products.product_id
)

select
    $period as period,
    joined.system,
    joined.service_id,
    joined.service_name,
    case when joined.state = 'mapped' then joined.product_id end as product_id,
    joined.leg,
    joined.multiplier,
    coalesce(rules.count_from, 'latest') as count_from,
    rules.exclude_names,
    rules.exclude_classes,
    coalesce(rules.free_units, 0) as free_units,
    rules.blocks_of,
    rules.rounding,
    coalesce(rules.minimum_units, 0) as minimum_units,
    rules.rule,
    joined.is_countable,
    joined.state,
    joined.method,
    joined.decided_by,
    joined.decided_at,
    joined.reason,
    case
        when joined.state = 'unmapped' and joined.product_id is not null
            then concat('Mapped to product ', joined.product_id, ', which is not in the catalogue any more.')
        when joined.mapped_name <> joined.service_name
            then concat('The vendor renamed it; mapped as “', joined.mapped_name, '”.')
        when joined.mapped_product_name <> joined.product_name
            then concat('The PSA renamed the product; mapped as “', joined.mapped_product_name, '”.')
    end as drift
from joined
left join ledger_count_rules as rules
    on joined.system = rules.system and joined.service_id = rules.service_id
