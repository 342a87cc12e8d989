-- The five services with the most money on lines, and which systems count them. Parameter: $period.

with invoiced as (
    select
        cards.service_group_id,
        cards.service_name,
        cards.currency,
        sum(cast(cards.qty_psa * cards.unit_price as decimal(18, 4))) as amount
    from recon.cards as cards
    where cards.period = $period and cards.qty_psa is not null
    group by cards.service_group_id, cards.service_name, cards.currency
),

feeds as (
    select
        groups.service_group_id,
        array_to_string(list_sort(list(distinct groups.system)), ', ') as systems
    from map.service_groups as groups
    where groups.period = $period and groups.member_kind = 'service'
    group by groups.service_group_id
)

select
    invoiced.service_name,
    feeds.systems,
    invoiced.amount,
    invoiced.currency
from invoiced
left join feeds on invoiced.service_group_id = feeds.service_group_id
where invoiced.amount is not null
order by invoiced.amount desc, invoiced.service_name
limit 5
