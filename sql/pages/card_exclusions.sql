-- Records of one customer that were left out, with their reasons: those of the company itself, and
-- what vendor accounts with its ids hold; the page drops a like id of another vendor.
-- Inputs: recon.exclusions. Parameters: $period, $customer, $ids (of its accounts).

select
    exclusions.system,
    exclusions.record_kind,
    exclusions.record_id,
    exclusions.name,
    exclusions.company_id,
    exclusions.account_id,
    exclusions.qty,
    exclusions.reason
from recon.exclusions as exclusions
where exclusions.period = $period and exclusions.company_id = $customer

union

select
    exclusions.system,
    exclusions.record_kind,
    exclusions.record_id,
    exclusions.name,
    exclusions.company_id,
    exclusions.account_id,
    exclusions.qty,
    exclusions.reason
from recon.exclusions as exclusions
where
    exclusions.period = $period
    and exclusions.account_id in (select unnest($ids))
order by reason, system, name, record_id
