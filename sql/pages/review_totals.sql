-- What the filter finds, per currency: cards, money not invoiced and invoiced in excess.
-- Inputs: board.
-- Parameters: $customer, $decision, $findings, $min_abs, $q, $service, $statuses, $vendor.

select
    board.currency,
    count(*) as cards,
    count(case when board.status in ('open', 'reopened') then 1 end) as cards_open,
    coalesce(sum(case when board.amount_delta > 0 then board.amount_delta end), 0) as amount_under,
    coalesce(sum(case when board.amount_delta < 0 then board.amount_delta end), 0) as amount_over,
    count(case when board.qty_delta <> 0 and board.amount_delta is null then 1 end) as cards_unpriced
from board
where
    ($q is null or contains(board.words, strip_accents(lower($q))))
    and ($customer is null or board.company_id = $customer)
    and ($service is null or board.service_group_id = $service)
    and ($vendor is null or list_contains(board.vendors, $vendor))
    and ($findings is null or list_contains($findings, board.finding))
    and ($statuses is null or list_contains($statuses, board.status))
    and ($decision is null or board.decision = $decision)
    and ($min_abs is null or abs(coalesce(board.amount_delta, 0)) >= $min_abs)
group by board.currency
order by count(*) desc, board.currency
