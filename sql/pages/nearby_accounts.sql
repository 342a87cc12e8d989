-- Unmapped accounts with what ties each to others: its name, its domain, the account it lies below.
-- Inputs: recon.unmapped_accounts, core.accounts, core.pulls. Parameter: $period.

select
    unmapped_accounts.system,
    unmapped_accounts.account_id as item_id,
    unmapped_accounts.account_name as item_name,
    unmapped_accounts.qty,
    listed.parent_account_id,
    listed.domain
from recon.unmapped_accounts as unmapped_accounts
inner join core.accounts as listed
    on
        unmapped_accounts.system = listed.system
        and unmapped_accounts.account_id = listed.account_id
inner join core.pulls as pulls on listed.pull_id = pulls.pull_id
where
    unmapped_accounts.period = $period
    and pulls.period = $period
    and pulls.is_evidence
order by unmapped_accounts.system, item_name, item_id
