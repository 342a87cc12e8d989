-- Grain: one row per company and product that is in billing. Inputs: core.*. Parameter: $period.
-- Only what a mapping would reach: an account mapped to a company out of billing stays unmapped.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
)

select
    'account' as kind,
    companies.company_id as id,
    companies.name
from core.companies as companies
inner join evidence on companies.pull_id = evidence.pull_id
where companies.is_active and companies.excluded_reason is null

union all

select
    'service' as kind,
    products.product_id as id,
    products.name
from core.products as products
inner join evidence on products.pull_id = evidence.pull_id
where products.is_active

order by kind, name, id
