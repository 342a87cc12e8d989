-- What is unmapped and belongs to a customer by exact data, never by likeness: an account below one of
-- its accounts or with the same domain or the very name, and services its accounts use.
-- Inputs: recon.unmapped_*, core.accounts, core.usage, map.accounts. Parameters: $period, $customer, $q
-- (the customer's name), $vendors (those of the card; null: any).

with pulls as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

own as (
    select
        accounts.system,
        accounts.account_id,
        listed.domain
    from map.accounts as accounts
    inner join core.accounts as listed
        on accounts.system = listed.system and accounts.account_id = listed.account_id
    inner join pulls on listed.pull_id = pulls.pull_id
    where accounts.period = $period and accounts.company_id = $customer and accounts.state = 'mapped'
),

unmapped as (
    select
        unmapped_accounts.system,
        unmapped_accounts.account_id,
        unmapped_accounts.account_name,
        unmapped_accounts.qty,
        listed.parent_account_id,
        listed.domain
    from recon.unmapped_accounts as unmapped_accounts
    inner join core.accounts as listed
        on
            unmapped_accounts.system = listed.system
            and unmapped_accounts.account_id = listed.account_id
    inner join pulls on listed.pull_id = pulls.pull_id
    where
        unmapped_accounts.period = $period
        and ($vendors is null or list_contains($vendors, unmapped_accounts.system))
),

used as (
    select
        unmapped_services.system,
        unmapped_services.service_id,
        unmapped_services.service_name,
        sum(usage.qty) as qty
    from recon.unmapped_services as unmapped_services
    inner join core.usage as usage
        on
            unmapped_services.system = usage.system
            and unmapped_services.service_id = usage.service_id
    inner join pulls on usage.pull_id = pulls.pull_id
    inner join own on usage.system = own.system and usage.account_id = own.account_id
    where
        unmapped_services.period = $period
        and ($vendors is null or list_contains($vendors, unmapped_services.system))
    group by unmapped_services.system, unmapped_services.service_id, unmapped_services.service_name
    having sum(usage.qty) <> 0
)

select
    'account' as kind,
    unmapped.system,
    unmapped.account_id as item_id,
    unmapped.account_name as item_name,
    unmapped.qty,
    case
        when unmapped.account_name = $q then 'it has the customer''s very name'
        when
            exists (
                select 1
                from own
                where own.system = unmapped.system and own.account_id = unmapped.parent_account_id
            )
            then 'it lies below an account of this customer'
        else 'it has the domain of an account of this customer'
    end as why
from unmapped
where
    unmapped.account_name = $q
    or exists (
        select 1
        from own
        where
            (own.system = unmapped.system and own.account_id = unmapped.parent_account_id)
            or (own.domain <> '' and own.domain = unmapped.domain)
    )

union all

select
    'service' as kind,
    used.system,
    used.service_id as item_id,
    used.service_name as item_name,
    used.qty,
    'an account of this customer uses it' as why
from used
order by kind, system, item_name, item_id
