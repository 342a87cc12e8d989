-- Accounts with the domain of an unmapped account. Inputs: recon.unmapped_accounts, core.accounts,
-- core.pulls. Parameter: $period.

with listed as (
    select
        accounts.system,
        accounts.account_id,
        accounts.domain
    from core.accounts as accounts
    inner join core.pulls as pulls on accounts.pull_id = pulls.pull_id
    where pulls.period = $period and pulls.is_evidence and accounts.domain <> ''
)

select
    listed.system,
    listed.account_id,
    listed.domain
from listed
where
    listed.domain in (
        select unmapped.domain
        from recon.unmapped_accounts as unmapped_accounts
        inner join listed as unmapped
            on
                unmapped_accounts.system = unmapped.system
                and unmapped_accounts.account_id = unmapped.account_id
        where unmapped_accounts.period = $period
    )
