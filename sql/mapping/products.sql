-- Grain: one row per PSA product of one page, most lines first, with the vendor services linked to it.
-- Inputs: service_states (map.services with the newest mappings), core.*.
-- Parameters: $period, $state ('' for all, mapped, unmapped), $vendor, $q ('' for all), $size, $skip.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

linked as (
    select
        states.product_id,
        list(
            struct_pack(system := states.system, item_id := states.service_id, name := states.service_name)
            order by states.system, states.service_name, states.service_id
        ) as services
    from service_states as states
    where states.state = 'mapped' and $vendor in ('', states.system)
    group by states.product_id
),

lines as (
    select
        lines.product_id,
        count(*) as lines_count,
        count(distinct lines.company_id) as companies_count,
        sum(lines.qty) as qty
    from core.agreement_lines as lines
    inner join evidence on lines.pull_id = evidence.pull_id
    where lines.excluded_reason is null
    group by lines.product_id
)

select
    products.product_id,
    products.name,
    products.is_active,
    products.unit_price,
    products.currency,
    coalesce(lines.lines_count, 0) as lines_count,
    coalesce(lines.companies_count, 0) as companies_count,
    coalesce(lines.qty, 0) as qty,
    linked.services,
    count(*) over () as items
from core.products as products
inner join evidence on products.pull_id = evidence.pull_id
left join linked on products.product_id = linked.product_id
left join lines on products.product_id = lines.product_id
where
    contains(lower(concat_ws(' ', products.name, products.product_id)), lower($q))
    and $state in ('', case when linked.product_id is null then 'unmapped' else 'mapped' end)
order by coalesce(lines.lines_count, 0) desc, products.name, products.product_id
limit $size offset $skip
