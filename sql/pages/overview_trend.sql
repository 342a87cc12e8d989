-- Money per month and currency: found on each side, and brought in by verified changes.
-- Inputs: recon.history. The months up to $period; the page shows the last twelve.

select
    history.period,
    history.currency,
    count(*) as cards,
    coalesce(sum(case when history.amount_delta > 0 then history.amount_delta end), 0) as amount_under,
    coalesce(sum(case when history.amount_delta < 0 then -history.amount_delta end), 0) as amount_over,
    coalesce(sum(history.amount_recovered), 0) as amount_recovered,
    coalesce(sum(history.amount_relieved), 0) as amount_relieved
from recon.history as history
where history.period <= $period and history.currency is not null
group by history.period, history.currency
order by history.period, history.currency
