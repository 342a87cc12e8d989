-- Grain: one row per PSA company of one page, dearest first, with the accounts that are mapped to it.
-- Inputs: account_states (map.accounts with the newest mappings), core.*.
-- Parameters: $period, $state ('' for all, mapped, unmapped), $vendor, $q ('' for all), $size, $skip.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

mapped as (
    select
        states.company_id,
        count(*) as accounts_count,
        list(
            struct_pack(system := states.system, item_id := states.account_id, name := states.account_name)
            order by states.system, states.account_name, states.account_id
        ) as accounts
    from account_states as states
    where states.state = 'mapped' and $vendor in ('', states.system)
    group by states.company_id
),

amounts as (
    select
        lines.company_id,
        coalesce(lines.currency, '') as currency,
        cast(sum(lines.qty * lines.unit_price) as decimal(18, 4)) as amount
    from core.agreement_lines as lines
    inner join evidence on lines.pull_id = evidence.pull_id
    where lines.excluded_reason is null and lines.unit_price is not null
    group by lines.company_id, coalesce(lines.currency, '')
),

amount_lists as (
    select
        amounts.company_id,
        max(amounts.amount) as largest,
        list(
            struct_pack(currency := amounts.currency, amount := amounts.amount) order by amounts.currency
        ) as amounts
    from amounts
    group by amounts.company_id
)

select
    companies.company_id,
    companies.name,
    companies.is_active,
    companies.excluded_reason,
    coalesce(mapped.accounts_count, 0) as accounts_count,
    mapped.accounts,
    amount_lists.amounts,
    count(*) over () as items
from core.companies as companies
inner join evidence on companies.pull_id = evidence.pull_id
left join mapped on companies.company_id = mapped.company_id
left join amount_lists on companies.company_id = amount_lists.company_id
where
    contains(lower(concat_ws(' ', companies.name, companies.company_id)), lower($q))
    and $state in ('', case when mapped.company_id is null then 'unmapped' else 'mapped' end)
order by
    companies.excluded_reason is null desc, coalesce(amount_lists.largest, 0) desc, companies.name,
    companies.company_id
limit $size offset $skip
