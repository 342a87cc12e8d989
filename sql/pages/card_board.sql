-- One card as the lists know it. Inputs: board. Parameter: $card_id.

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
    board.qty_vendor,
    board.qty_delta,
    board.unit_price,
    board.currency,
    board.amount_delta,
    board.evidence_as_of,
    board.is_grace_evidence,
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
where board.card_id = $card_id
