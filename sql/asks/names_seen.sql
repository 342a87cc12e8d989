-- What exact-name mapping may compare: every account and countable service the period's evidence
-- lists, every live company and product. Parameter: $period.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
)

select
    'account' as kind,
    accounts.system,
    accounts.account_id as id,
    accounts.name
from core.accounts as accounts
inner join evidence on accounts.pull_id = evidence.pull_id

union all

select
    'service' as kind,
    services.system,
    services.service_id as id,
    services.name
from core.services as services
inner join evidence on services.pull_id = evidence.pull_id
where services.is_countable

union all

select
    'company' as kind,
    companies.system,
    companies.company_id as id,
    companies.name
from core.companies as companies
inner join evidence on companies.pull_id = evidence.pull_id
where companies.is_active

union all

select
    'product' as kind,
    products.system,
    products.product_id as id,
    products.name
from core.products as products
inner join evidence on products.pull_id = evidence.pull_id
where products.is_active

order by kind, system, id
