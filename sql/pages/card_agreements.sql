-- Names of a company's agreements. Inputs: core.agreements, core.pulls. Parameters: $period, $customer.

select
    agreements.pull_id,
    agreements.agreement_id,
    agreements.name
from core.agreements as agreements
where
    agreements.company_id = $customer
    and agreements.pull_id in (
        select pulls.pull_id
        from core.pulls as pulls
        where pulls.period = $period and pulls.is_evidence
    )
