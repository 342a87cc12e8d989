-- One page of the list of cards: their ids, in order. Inputs: board.
-- Parameters: $customer, $decision, $findings, $group, $is_descending, $limit, $min_abs, $offset, $q,
-- $service, $sort, $statuses, $vendor.

select board.card_id
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
order by
    case $group
        when 'customer' then board.company_place
        when 'service' then board.service_place
        when 'agreement' then board.agreements_place
    end,
    case $sort
        when 'money' then abs(board.amount_delta)
        when 'difference' then abs(board.qty_delta)
        when 'age' then epoch(board.evidence_as_of)
        when 'customer' then board.company_place
        when 'service' then board.service_place
    end * case when $is_descending then -1 else 1 end nulls last,
    board.place
limit $limit offset $offset
