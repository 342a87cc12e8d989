-- A company's accounts at the vendors in two months, with who mapped them. Inputs: map.accounts.
-- Parameters: $period, $before, $customer.

select
    accounts.period,
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
    accounts.period in ($before, $period)
    and accounts.company_id = $customer
    and accounts.state = 'mapped'
order by accounts.system, accounts.account_name, accounts.account_id
