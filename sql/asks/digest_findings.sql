-- Open cards and their money by finding and currency; never summed across currencies.
-- Parameter: $period. Dearest finding first.

select
    card_status.finding,
    card_status.currency,
    count(*) as cards,
    coalesce(sum(case when card_status.amount_delta > 0 then card_status.amount_delta end), 0)
        as not_invoiced,
    coalesce(sum(case when card_status.amount_delta < 0 then -card_status.amount_delta end), 0)
        as invoiced_too_much,
    count(case when card_status.amount_delta is null then 1 end) as unpriced
from review.card_status as card_status
where card_status.period = $period and card_status.status in ('open', 'reopened')
group by card_status.finding, card_status.currency
order by
    sum(abs(coalesce(card_status.amount_delta, 0))) desc, card_status.finding, card_status.currency
