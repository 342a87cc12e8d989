-- A company's accounts at some vendors, with who mapped them. Inputs: map.accounts.
-- Parameters: $period, $customer, $vendors.

select
    accounts.system,
    accounts.account_id as item_id,
    accounts.account_name as item_name,
    accounts.is_listed,
    accounts.method,
    accounts.decided_by,
    accounts.decided_at,
    accounts.drift
from map.accounts as accounts
where
    accounts.period = $period
    and accounts.company_id = $customer
    and accounts.state = 'mapped'
    and list_contains($vendors, accounts.system)
order by accounts.system, accounts.account_name, accounts.account_id
