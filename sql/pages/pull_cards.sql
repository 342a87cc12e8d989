-- The numbers of every card of a month, to compare two builds of it. Inputs: recon.cards. $period.

select
    cards.card_id,
    cards.company_name,
    cards.service_name,
    cards.finding,
    cards.qty_psa,
    cards.qty_vendor,
    cards.amount_delta,
    cards.currency
from recon.cards as cards
where cards.period = $period
order by cards.card_id
