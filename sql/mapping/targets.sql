-- Grain: one row per PSA company and product of the period's evidence among the ids.
-- Inputs: core.*. Parameters: $period, $ids.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
)

select
    'account' as kind,
    companies.company_id as id,
    companies.name,
    companies.excluded_reason
from core.companies as companies
inner join evidence on companies.pull_id = evidence.pull_id
where list_contains($ids, companies.company_id)

union all

select
    'service' as kind,
    products.product_id as id,
    products.name,
    case when not products.is_active then 'not sold any more' end as excluded_reason
from core.products as products
inner join evidence on products.pull_id = evidence.pull_id
where list_contains($ids, products.product_id)
