-- Grain: one row per state of vendor accounts: how many there are, and their units.
-- Inputs: account_states (map.accounts with the newest mappings), core.*.
-- Parameters: $period, $vendor, $q ('' for all).

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

listed as (
    select
        accounts.system,
        accounts.account_id,
        accounts.domain
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

units as (
    select
        usage.system,
        usage.account_id,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join evidence on usage.pull_id = evidence.pull_id
    group by usage.system, usage.account_id
)

select
    states.state,
    count(*) as items,
    cast(coalesce(sum(units.qty), 0) as decimal(18, 4)) as qty
from account_states as states
left join listed on states.system = listed.system and states.account_id = listed.account_id
left join companies on states.company_id = companies.company_id
left join units on states.system = units.system and states.account_id = units.account_id
where
    $vendor in ('', states.system)
    and contains(
        lower(concat_ws(' ', states.account_name, states.account_id, companies.name, listed.domain)),
        lower($q)
    )
group by states.state
