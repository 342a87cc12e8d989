-- The PSA lines and vendor counts behind a card, with the names of their agreements and accounts.
-- Inputs: recon.card_lines, core.pulls, core.agreements, core.accounts. Parameters: $period, $card_id.

select
    card_lines.side,
    card_lines.system,
    card_lines.record_id,
    card_lines.agreement_id,
    agreements.name as agreement_name,
    card_lines.account_id,
    accounts.name as account_name,
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
    card_lines.pull_id,
    pulls.landing_path
from recon.card_lines as card_lines
left join core.agreements as agreements
    on
        card_lines.pull_id = agreements.pull_id
        and card_lines.agreement_id = agreements.agreement_id
left join core.accounts as accounts
    on
        card_lines.pull_id = accounts.pull_id
        and card_lines.account_id = accounts.account_id
left join core.pulls as pulls on card_lines.pull_id = pulls.pull_id and pulls.period = $period
where card_lines.card_id = $card_id and card_lines.period = $period
order by card_lines.side, card_lines.system, agreements.name, accounts.name, card_lines.record_id
