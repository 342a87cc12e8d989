-- Grain: one row per vendor account of one page, those without a company first, most units first.
-- Inputs: account_states (map.accounts with the newest mappings), core.*, map.accounts of all periods.
-- Parameters: $period, $vendor, $state, $q ('' for all), $size, $skip.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

listed as (
    select
        accounts.system,
        accounts.account_id,
        accounts.parent_account_id,
        accounts.domain,
        accounts.excluded_reason
    from core.accounts as accounts
    inner join evidence on accounts.pull_id = evidence.pull_id
),

companies as (
    select
        companies.company_id,
        companies.name
    from core.companies as companies
    inner join evidence on companies.pull_id = evidence.pull_id
),

usage as (
    select
        usage.system,
        usage.account_id,
        usage.service_id,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    group by usage.system, usage.account_id, usage.service_id
),

units as (
    select
        usage.system,
        usage.account_id,
        sum(usage.qty) as qty
    from usage
    group by usage.system, usage.account_id
),

wanted as (
    select
        states.*,
        companies.name as company_name,
        listed.parent_account_id,
        listed.domain,
        listed.excluded_reason,
        coalesce(units.qty, 0) as qty
    from account_states as states
    left join listed on states.system = listed.system and states.account_id = listed.account_id
    left join companies on states.company_id = companies.company_id
    left join units on states.system = units.system and states.account_id = units.account_id
    where
        $vendor in ('', states.system)
        and $state in ('', states.state)
        and contains(
            lower(concat_ws(' ', states.account_name, states.account_id, companies.name, listed.domain)),
            lower($q)
        )
),

page as (
    select wanted.*
    from wanted
    order by
        wanted.state = 'unmapped' desc, wanted.qty desc, wanted.account_name, wanted.system, wanted.account_id
    limit $size offset $skip
),

first_seen as (
    select
        accounts.system,
        accounts.account_id,
        min(accounts.period) as period
    from map.accounts as accounts
    inner join page on accounts.system = page.system and accounts.account_id = page.account_id
    where accounts.is_listed
    group by accounts.system, accounts.account_id
),

service_units as (
    select
        usage.system,
        usage.account_id,
        list(
            struct_pack(item_id := usage.service_id, name := services.name, qty := usage.qty)
            order by usage.qty desc, services.name, usage.service_id
        ) as services
    from usage
    inner join page on usage.system = page.system and usage.account_id = page.account_id
    inner join core.services as services
        on usage.system = services.system and usage.service_id = services.service_id
    inner join evidence on services.pull_id = evidence.pull_id
    where usage.qty <> 0
    group by usage.system, usage.account_id
)

select
    page.system,
    page.account_id,
    page.account_name,
    page.state,
    page.company_id,
    page.company_name,
    page.method,
    page.decided_by,
    page.decided_at,
    page.reason,
    page.drift,
    page.is_listed,
    page.excluded_reason,
    page.domain,
    page.parent_account_id,
    parents.account_name as parent_account_name,
    page.qty,
    service_units.services,
    first_seen.period as first_seen_period
from page
left join service_units on page.system = service_units.system and page.account_id = service_units.account_id
left join first_seen on page.system = first_seen.system and page.account_id = first_seen.account_id
left join account_states as parents
    on page.system = parents.system and page.parent_account_id = parents.account_id
order by page.state = 'unmapped' desc, page.qty desc, page.account_name, page.system, page.account_id
