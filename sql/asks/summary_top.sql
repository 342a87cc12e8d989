-- The ten dearest discrepancies. Parameter: $period.

select
    discrepancies.rank,
    discrepancies.company_name,
    discrepancies.service_name,
    discrepancies.finding,
    discrepancies.qty_psa,
    discrepancies.qty_vendor,
    discrepancies.amount_delta,
    discrepancies.currency
from recon.discrepancies as discrepancies
where discrepancies.period = $period
order by discrepancies.rank
limit 10
