-- Which of some pulls name what they count of some services: devices, seats, mailboxes.
-- Inputs: core.entities. Parameters: $pulls, $services.

select distinct entities.pull_id
from core.entities as entities
where
    list_contains($pulls, entities.pull_id)
    and list_contains($services, entities.service_id)
