-- The PSA lines and vendor counts behind a card. Inputs: recon.card_lines. Parameters: $period, $card_id.

select
    card_lines.side,
    card_lines.system,
    card_lines.record_id,
    card_lines.agreement_id,
    card_lines.account_id,
    card_lines.item_id,
    card_lines.name,
    card_lines.qty,
    card_lines.multiplier,
    card_lines.qty_counted,
    card_lines.qty_included,
    card_lines.unit_price,
    card_lines.unit_cost,
    card_lines.currency,
    card_lines.effective_on,
    card_lines.commitment_ends_on,
    card_lines.is_auto_counted,
    card_lines.pull_id
from recon.card_lines as card_lines
where card_lines.period = $period and card_lines.card_id = $card_id
order by card_lines.side, card_lines.system, card_lines.record_id
