-- Money not invoiced and money invoiced too much, per currency; never summed across currencies.
-- Parameter: $period.

select
    discrepancies.currency,
    coalesce(sum(case when discrepancies.amount_delta > 0 then discrepancies.amount_delta end), 0)
        as not_invoiced,
    coalesce(sum(case when discrepancies.amount_delta < 0 then -discrepancies.amount_delta end), 0)
        as invoiced_too_much,
    count(case when discrepancies.amount_delta is null then 1 end) as unpriced
from recon.discrepancies as discrepancies
where discrepancies.period = $period
group by discrepancies.currency
order by discrepancies.currency
