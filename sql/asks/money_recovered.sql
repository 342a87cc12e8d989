-- Money that verified write-backs brought in and gave back, per currency. Parameter: $period.

select
    history.currency,
    sum(history.amount_recovered) as recovered,
    sum(history.amount_relieved) as relieved,
    (
        select count(*)
        from review.write_backs as write_backs
        where
            write_backs.period = $period
            and write_backs.state in ('verified', 'proved', 'done_by_hand')
            and write_backs.undoes is null
            and write_backs.currency is not distinct from history.currency
    ) as changes
from recon.history as history
where history.period = $period and history.qty_written <> 0
group by history.currency
order by history.currency
