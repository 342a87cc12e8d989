-- What waits, what was applied, what was refused, and money, in one row. Parameter: $period.
-- The money is that of the currency with the most cards: amounts in two currencies have no sum.

with main_currency as (
    select history.currency
    from recon.history as history
    where history.period = $period
    group by history.currency
    order by count(*) desc, history.currency
    limit 1
),

money as (
    select
        coalesce(sum(history.amount_recovered), 0) as recovered,
        coalesce(sum(history.amount_relieved), 0) as relieved
    from recon.history as history
    inner join main_currency on history.currency is not distinct from main_currency.currency
    where history.period = $period
)

select
    (
        select count(*)
        from review.card_status
        where period = $period and status in ('open', 'reopened')
    ) as decisions_waiting,
    (
        select count(*)
        from review.write_backs
        where
            period = $period
            and not is_withdrawn
            and state in ('queued', 'not_applied', 'intent', 'sent', 'unknown')
    ) as changes_waiting,
    (
        select count(*)
        from review.write_backs
        where period = $period and state in ('verified', 'proved', 'done_by_hand')
    ) as changes_applied,
    (
        select count(*)
        from review.write_backs
        where period = $period and state in ('conflict', 'rejected', 'needs_person', 'disproved')
    ) as changes_refused,
    money.recovered as amount_recovered,
    money.relieved as amount_relieved
from money
