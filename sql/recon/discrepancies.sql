-- Grain: one row per card that needs a person, dearest first. Key: card_id.
-- Input: recon.cards. Parameter: $period.
-- Matching cards and products no vendor feeds need nobody.

select
    cards.period,
    row_number() over (
        order by
            abs(coalesce(cards.amount_delta, 0)) desc, cards.company_name, cards.service_name, cards.card_id
    ) as rank,
    cards.card_id,
    cards.card_version,
    cards.company_id,
    cards.company_name,
    cards.service_name,
    cards.finding,
    cards.qty_psa,
    cards.qty_vendor,
    cards.qty_delta,
    cards.unit_price,
    cards.currency,
    cards.amount_delta,
    cards.reason,
    cards.next_step
from recon.cards as cards
where cards.period = $period and cards.finding not in ('match', 'not_connected')
