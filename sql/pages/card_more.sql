-- What a card's own page tells beyond the lists. Inputs: recon.cards.
-- Parameters: $period, $card_id, and $customer, by which the table is searched much quicker.

select
    cards.psa,
    cards.qty_included,
    cards.qty_purchased,
    cards.qty_vendor_invoiced,
    cards.equation,
    cards.mapping_version
from recon.cards as cards
where cards.period = $period and cards.company_id = $customer and cards.card_id = $card_id
