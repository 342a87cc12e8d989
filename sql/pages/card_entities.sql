-- Devices, seats and mailboxes that some accounts hold of some services, as some pulls found them.
-- Inputs: core.entities. Parameters: $pulls, $accounts, $services.

select
    entities.pull_id,
    entities.system,
    entities.account_id,
    entities.service_id,
    entities.entity_id,
    entities.name,
    entities.kind,
    entities.last_seen_at
from core.entities as entities
where
    entities.account_id in (select unnest($accounts))
    and list_contains($pulls, entities.pull_id)
    and list_contains($services, entities.service_id)
order by entities.system, entities.account_id, entities.name, entities.entity_id, entities.service_id
