-- One page of the list of cards. Inputs: board. Parameters: the filter's.
-- The cards of the page are found first, by their sort keys alone; only those are read whole.

with chosen as (
    select
        board.card_id,
        row_number() over (
            order by
                case $group
                    when 'customer' then board.company_name
                    when 'service' then board.service_name
                    when 'agreement' then board.agreements
                end,
                case
                    when $sort = 'money' then abs(board.amount_delta)
                    when $sort = 'difference' then abs(board.qty_delta)
                    when $sort = 'age' then epoch(board.evidence_as_of)
                end * case when $is_descending then -1 else 1 end nulls last,
                case when $sort = 'customer' and not $is_descending then board.company_name end,
                case when $sort = 'customer' and $is_descending then board.company_name end desc,
                case when $sort = 'service' and not $is_descending then board.service_name end,
                case when $sort = 'service' and $is_descending then board.service_name end desc,
                board.company_name,
                board.service_name,
                board.card_id
        ) as place
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
    qualify place > $offset and place <= $offset + $limit
)

select
    board.period,
    board.card_id,
    board.card_version,
    board.company_id,
    board.company_name,
    board.service_group_id,
    board.service_name,
    board.agreements,
    board.vendors,
    board.finding,
    board.qty_psa,
    board.qty_vendor,
    board.qty_delta,
    board.unit_price,
    board.currency,
    board.amount_delta,
    board.evidence_as_of,
    board.is_grace_evidence,
    board.reason,
    board.next_step,
    board.status,
    board.why,
    board.decision_id,
    board.decision,
    board.decided_by,
    board.decided_at
from chosen
inner join board on chosen.card_id = board.card_id
order by chosen.place
