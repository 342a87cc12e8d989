-- The cards of a filter, all pages of it, as they were seen. Inputs: board.
-- Parameters: $customer, $decision, $findings, $min_abs, $q, $service, $statuses, $vendor.

select
    board.card_id,
    board.card_version
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
order by board.company_name, board.service_name, board.card_id
