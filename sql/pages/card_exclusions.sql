-- Records of one customer that were left out, with their reasons.
-- Inputs: recon.exclusions. Parameters: $period, $customer.

select
    exclusions.system,
    exclusions.record_kind,
    exclusions.record_id,
    exclusions.name,
    exclusions.account_id,
    exclusions.qty,
    exclusions.reason
from recon.exclusions as exclusions
where exclusions.period = $period and exclusions.company_id = $customer
order by exclusions.reason, exclusions.system, exclusions.name, exclusions.record_id
