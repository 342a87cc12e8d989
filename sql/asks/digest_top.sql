-- The five dearest open cards, with names. Parameter: $period.

select
    card_status.company_name,
    card_status.service_name,
    card_status.finding,
    card_status.amount_delta,
    card_status.currency
from review.card_status as card_status
where card_status.period = $period and card_status.status in ('open', 'reopened')
order by
    abs(coalesce(card_status.amount_delta, 0)) desc,
    card_status.company_name,
    card_status.service_name,
    card_status.card_id
limit 5
