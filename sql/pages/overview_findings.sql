-- Cards and money by finding and currency. Inputs: board.

select
    board.finding,
    board.currency,
    count(*) as cards,
    count(case when board.status in ('open', 'reopened') then 1 end) as cards_open,
    coalesce(
        sum(case when board.status in ('open', 'reopened') then board.amount_delta end), 0
    ) as amount_open
from board
group by board.finding, board.currency
order by board.finding, count(*) desc, board.currency
