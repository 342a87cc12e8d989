-- Money that verified write-backs brought in and gave back, per currency. Parameter: $period.
-- From the changes themselves: their cards may be gone since, or show another line's currency.

select
    write_backs.currency,
    coalesce(sum(case when write_backs.amount > 0 then write_backs.amount end), 0) as recovered,
    coalesce(sum(case when write_backs.amount < 0 then -write_backs.amount end), 0) as relieved,
    count(*) as changes
from review.write_backs as write_backs
where
    write_backs.period = $period
    and write_backs.state in ('verified', 'proved')
    and write_backs.undoes is null
    and not exists (
        select 1
        from review.write_backs as undoing
        where undoing.undoes = write_backs.change_id and undoing.state in ('verified', 'proved')
    )
group by write_backs.currency
order by write_backs.currency
