-- Cards and money by finding. Parameter: $period.

select
    cards.finding,
    count(*) as cards,
    sum(cards.amount_delta) as amount
from recon.cards as cards
where cards.period = $period
group by cards.finding
order by cards.finding
