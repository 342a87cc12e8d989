-- Subtotals of the groups that a page shows, per currency, over all cards of the filter.
-- Inputs: board.
-- Parameters: $customer, $decision, $findings, $group, $keys, $min_abs, $q, $service, $statuses,
-- $vendor.

with named as (
    select
        case $group
            when 'customer' then board.company_name
            when 'service' then board.service_name
            else board.agreements
        end as name,
        board.currency,
        board.amount_delta
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
)

select
    named.name,
    named.currency,
    count(*) as cards,
    coalesce(sum(case when named.amount_delta > 0 then named.amount_delta end), 0) as amount_under,
    coalesce(sum(case when named.amount_delta < 0 then named.amount_delta end), 0) as amount_over
from named
where list_contains($keys, named.name)
group by named.name, named.currency
order by named.name, count(*) desc, named.currency
