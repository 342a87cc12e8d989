-- Live companies, and companies out of billing. Parameter: $period.

select
    count(case when companies.is_active then 1 end) as live,
    count(case when not companies.is_active then 1 end) as out_of_billing
from core.companies as companies
inner join core.pulls as pulls
    on companies.pull_id = pulls.pull_id and pulls.period = $period and pulls.is_evidence
