-- One card of the month with everything that its own page tells. Inputs: board, recon.cards.
-- Parameters: $period, $card_id.

select
    board.period,
    board.card_id,
    board.card_version,
    board.company_id,
    board.company_name,
    board.service_group_id,
    board.service_name,
    board.agreements,
    board.vendors,
    board.finding,
    board.qty_psa,
    cards.qty_included,
    board.qty_vendor,
    board.qty_delta,
    cards.qty_purchased,
    cards.qty_vendor_invoiced,
    cards.equation,
    cards.mapping_version,
    board.unit_price,
    board.currency,
    board.amount_delta,
    board.evidence_as_of,
    board.is_grace_evidence,
    cards.psa,
    board.reason,
    board.next_step,
    board.first_seen_period,
    board.status,
    board.why,
    board.decision_id,
    board.decision,
    board.decided_by,
    board.decided_at
from board
inner join recon.cards as cards on board.card_id = cards.card_id
where board.card_id = $card_id and cards.card_id = $card_id and cards.period = $period
