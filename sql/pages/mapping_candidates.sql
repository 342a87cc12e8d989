-- Grain: one row per unmapped account and service, and per company and product they could be.
-- Inputs: map.*, core.*. Parameter: $period. Counts are those of the months up to it.

with evidence as (
    select
        pulls.pull_id,
        pulls.period
    from core.pulls as pulls
    where pulls.period <= $period and pulls.is_evidence
),

pulled as (
    select evidence.pull_id
    from evidence
    where evidence.period = $period
),

account_months as (
    select
        usage.system,
        usage.account_id,
        evidence.period,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    group by usage.system, usage.account_id, evidence.period
),

service_months as (
    select
        usage.system,
        usage.service_id,
        evidence.period,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    group by usage.system, usage.service_id, evidence.period
),

company_months as (
    select
        agreement_lines.company_id,
        evidence.period,
        sum(agreement_lines.qty) as qty
    from core.agreement_lines as agreement_lines
    inner join evidence on agreement_lines.pull_id = evidence.pull_id
    group by agreement_lines.company_id, evidence.period
),

product_months as (
    select
        agreement_lines.product_id,
        evidence.period,
        sum(agreement_lines.qty) as qty
    from core.agreement_lines as agreement_lines
    inner join evidence on agreement_lines.pull_id = evidence.pull_id
    group by agreement_lines.product_id, evidence.period
),

company_domains as (
    select
        mapped.company_id,
        list(distinct accounts.domain order by accounts.domain) as domains
    from map.accounts as mapped
    inner join core.accounts as accounts
        on mapped.system = accounts.system and mapped.account_id = accounts.account_id
    inner join pulled on accounts.pull_id = pulled.pull_id
    where mapped.period = $period and mapped.state = 'mapped' and accounts.domain is not null
    group by mapped.company_id
)

select
    'account' as kind,
    'item' as side,
    mapped.system,
    mapped.account_id as id,
    mapped.account_name as name,
    list(distinct accounts.domain order by accounts.domain) filter (where accounts.domain is not null)
        as domains,
    list(months.period order by months.period) filter (where months.period is not null) as months,
    list(months.qty order by months.period) filter (where months.period is not null) as counts
from map.accounts as mapped
left join core.accounts as accounts
    on
        mapped.system = accounts.system
        and mapped.account_id = accounts.account_id
        and accounts.pull_id in (select pulled.pull_id from pulled)
left join account_months as months
    on mapped.system = months.system and mapped.account_id = months.account_id
where mapped.period = $period and mapped.state = 'unmapped'
group by mapped.system, mapped.account_id, mapped.account_name

union all

select
    'account' as kind,
    'target' as side,
    '' as system,
    companies.company_id as id,
    companies.name,
    max(company_domains.domains) as domains,
    list(months.period order by months.period) filter (where months.period is not null) as months,
    list(months.qty order by months.period) filter (where months.period is not null) as counts
from core.companies as companies
inner join pulled on companies.pull_id = pulled.pull_id
left join company_domains on companies.company_id = company_domains.company_id
left join company_months as months on companies.company_id = months.company_id
where companies.is_active and companies.excluded_reason is null
group by companies.company_id, companies.name

union all

select
    'service' as kind,
    'item' as side,
    mapped.system,
    mapped.service_id as id,
    max(mapped.service_name) as name,
    cast(null as varchar[]) as domains,
    list(months.period order by months.period) filter (where months.period is not null) as months,
    list(months.qty order by months.period) filter (where months.period is not null) as counts
from map.services as mapped
left join service_months as months
    on mapped.system = months.system and mapped.service_id = months.service_id
where mapped.period = $period and mapped.state = 'unmapped'
group by mapped.system, mapped.service_id

union all

select
    'service' as kind,
    'target' as side,
    '' as system,
    products.product_id as id,
    products.name,
    cast(null as varchar[]) as domains,
    list(months.period order by months.period) filter (where months.period is not null) as months,
    list(months.qty order by months.period) filter (where months.period is not null) as counts
from core.products as products
inner join pulled on products.pull_id = pulled.pull_id
left join product_months as months on products.product_id = months.product_id
where products.is_active
group by products.product_id, products.name
