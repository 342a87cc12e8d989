-- The vendors of the month. Inputs: core.pulls. Parameter: $period.

select distinct pulls.system
from core.pulls as pulls
where pulls.period = $period and pulls.role = 'vendor' and pulls.is_evidence
order by pulls.system
