-- The pulls that two months rest on. Inputs: core.pulls. Parameters: $period, $before.

select
    pulls.period,
    pulls.system,
    pulls.pull_id,
    pulls.role
from core.pulls as pulls
where pulls.period in ($before, $period) and pulls.is_evidence
