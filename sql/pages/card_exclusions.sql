-- Records of one customer that were left out, with their reasons: lines and agreements of the company,
-- and what its vendor accounts hold. Inputs: recon.exclusions, map.accounts.
-- Parameters: $period, $customer, $limit. `found` is how many there are in all.

select
    exclusions.system,
    exclusions.record_kind,
    exclusions.record_id,
    exclusions.name,
    exclusions.qty,
    exclusions.reason,
    accounts.account_name,
    count(*) over () as found
from recon.exclusions as exclusions
left join map.accounts as accounts
    on
        exclusions.system = accounts.system
        and exclusions.account_id = accounts.account_id
        and accounts.period = $period
        and accounts.company_id = $customer
where
    exclusions.period = $period
    and (exclusions.company_id = $customer or accounts.account_id is not null)
order by exclusions.reason, exclusions.system, exclusions.name, exclusions.record_id
limit $limit
