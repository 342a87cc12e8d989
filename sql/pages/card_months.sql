-- Both counts of one company and service in the six months up to $period, oldest first.
-- Inputs: recon.history. Parameters: $period, $psa, $customer, $service, $from_period.

select
    history.period,
    history.card_id,
    history.finding,
    history.qty_psa,
    history.qty_vendor,
    history.qty_delta,
    history.amount_delta,
    history.currency,
    history.qty_written,
    history.status
from recon.history as history
where
    history.company_id = $customer
    and history.service_group_id = $service
    and history.period between $from_period and $period
    and history.psa = $psa
order by history.period
