-- How many open cards each finding has, and the vendors one can choose. Inputs: board.

select
    'finding' as kind,
    board.finding as name,
    count(case when board.status in ('open', 'reopened') then 1 end) as cards_open,
    count(*) as cards
from board
group by board.finding

union all

select
    'vendor' as kind,
    vendors.system as name,
    count(case when vendors.status in ('open', 'reopened') then 1 end) as cards_open,
    count(*) as cards
from (
    select
        unnest(board.vendors) as system,
        board.status
    from board
) as vendors
group by vendors.system
order by kind, name
