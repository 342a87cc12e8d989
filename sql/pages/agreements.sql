-- Names of agreements, of every pull the month rests on. Inputs: core.agreements, core.pulls.
-- Parameter: $period.

select
    agreements.pull_id,
    agreements.agreement_id,
    agreements.name
from core.agreements as agreements
inner join core.pulls as pulls on agreements.pull_id = pulls.pull_id
where pulls.period = $period and pulls.is_evidence
