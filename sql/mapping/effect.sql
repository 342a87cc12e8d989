-- Grain: one row per card that appears, vanishes or changes in a number or its finding.
-- Inputs: cards_before, recon.cards of the trial.

with pairs as (
    select
        coalesce(after.company_id, before.company_id) as company_id,
        coalesce(after.company_name, before.company_name) as company_name,
        coalesce(after.service_group_id, before.service_group_id) as service_group_id,
        coalesce(after.service_name, before.service_name) as service_name,
        before.card_id is not null as was_there,
        after.card_id is not null as is_there,
        before.finding as finding_before,
        after.finding as finding_after,
        before.qty_psa as qty_psa_before,
        after.qty_psa as qty_psa_after,
        before.qty_vendor as qty_vendor_before,
        after.qty_vendor as qty_vendor_after,
        before.amount_delta as amount_before,
        after.amount_delta as amount_after,
        before.currency as currency_before,
        after.currency as currency_after,
        coalesce(before.card_version <> after.card_version, true) as is_new_version
    from cards_before as before
    full outer join recon.cards as after on before.card_id = after.card_id
)

select
    pairs.company_id,
    pairs.company_name,
    pairs.service_group_id,
    pairs.service_name,
    pairs.was_there,
    pairs.is_there,
    pairs.finding_before,
    pairs.finding_after,
    pairs.qty_psa_before,
    pairs.qty_psa_after,
    pairs.qty_vendor_before,
    pairs.qty_vendor_after,
    pairs.amount_before,
    pairs.amount_after,
    pairs.currency_before,
    pairs.currency_after,
    pairs.is_new_version,
    not pairs.was_there
    or not pairs.is_there
    or not (pairs.finding_before is not distinct from pairs.finding_after)
    or not (pairs.qty_psa_before is not distinct from pairs.qty_psa_after)
    or not (pairs.qty_vendor_before is not distinct from pairs.qty_vendor_after)
    or not (pairs.amount_before is not distinct from pairs.amount_after) as is_changed
from pairs
where pairs.is_new_version
order by
    abs(coalesce(pairs.amount_after, 0) - coalesce(pairs.amount_before, 0)) desc, pairs.company_name,
    pairs.service_name, pairs.service_group_id
