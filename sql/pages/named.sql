-- Which services each pull of the month names things of: devices, seats, mailboxes.
-- Inputs: core.entities, core.pulls. Parameter: $period.

select distinct
    entities.pull_id,
    entities.service_id
from core.entities as entities
inner join core.pulls as pulls on entities.pull_id = pulls.pull_id
where pulls.period = $period and pulls.is_evidence
