-- The months that know a card of this id, newest first. Inputs: recon.history. Parameter: $card_id.

select
    history.period,
    history.card_id,
    history.company_id,
    history.company_name,
    history.service_group_id,
    history.service_name
from recon.history as history
where history.card_id = $card_id
order by history.period desc
