-- Grain: one row per vendor account, listed in the period's evidence or mapped by someone before.
-- Key: period, system, account_id. Inputs: core.accounts, core.companies, ledger_mappings (the ledger's
-- mappings in force). Parameter: $period.
-- A mapping to a company that is gone or out of billing does not count: the account is unmapped again.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

listed as (
    select
        accounts.system,
        accounts.account_id,
        accounts.name,
        accounts.excluded_reason
    from core.accounts as accounts
    inner join evidence on accounts.pull_id = evidence.pull_id
),

companies as (
    select
        companies.company_id,
        companies.name,
        companies.excluded_reason
    from core.companies as companies
    inner join evidence on companies.pull_id = evidence.pull_id
),

mapped as (
    select
        mappings.system,
        mappings.item_id,
        mappings.item_name,
        mappings.target_id,
        mappings.target_name,
        mappings.state,
        mappings.method,
        mappings.decided_by,
        mappings.decided_at,
        mappings.reason
    from ledger_mappings as mappings
    where mappings.kind = 'account'
),

joined as (
    select
        coalesce(listed.system, mapped.system) as system,
        coalesce(listed.account_id, mapped.item_id) as account_id,
        coalesce(listed.name, mapped.item_name) as account_name,
        listed.account_id is not null and listed.excluded_reason is null as is_listed,
        mapped.item_name as mapped_name,
        mapped.target_name as mapped_company_name,
        mapped.target_id as company_id,
        companies.name as company_name,
        companies.excluded_reason as company_excluded_reason,
        mapped.method,
        mapped.decided_by,
        mapped.decided_at,
        mapped.reason,
        case
            when mapped.item_id is null then 'unmapped'
            when mapped.state = 'excluded' then 'excluded'
            when companies.company_id is null or companies.excluded_reason is not null then 'unmapped'
            else 'mapped'
        end as state
    from listed
    full outer join mapped on listed.system = mapped.system and listed.account_id = mapped.item_id
    left join companies on mapped.target_id = companies.company_id
)

select
    $period as period,
    joined.system,
    joined.account_id,
    joined.account_name,
    case when joined.state = 'mapped' then joined.company_id end as company_id,
    joined.is_listed,
    joined.state,
    joined.method,
    joined.decided_by,
    joined.decided_at,
    joined.reason,
    case
        when joined.state = 'unmapped' and joined.company_id is not null
            then concat(
                'Mapped to company ', joined.company_id, ', which is out of billing: ',
                coalesce(joined.company_excluded_reason, 'not in the PSA any more'), '.'
            )
        when joined.mapped_name <> joined.account_name
            then concat('The vendor renamed it; mapped as “', joined.mapped_name, '”.')
        when joined.mapped_company_name <> joined.company_name
            then concat('The PSA renamed the company; mapped as “', joined.mapped_company_name, '”.')
    end as drift
from joined
order by company_id
