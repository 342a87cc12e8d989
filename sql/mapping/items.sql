-- Grain: one row per vendor account and service of the period's evidence among the ids.
-- Inputs: core.*. Parameters: $period, $ids.

with evidence as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
)

select
    'account' as kind,
    accounts.system,
    accounts.account_id as id,
    accounts.name,
    true as is_countable
from core.accounts as accounts
inner join evidence on accounts.pull_id = evidence.pull_id
where list_contains($ids, accounts.account_id)

union all

select
    'service' as kind,
    services.system,
    services.service_id as id,
    services.name,
    services.is_countable
from core.services as services
inner join evidence on services.pull_id = evidence.pull_id
where list_contains($ids, services.service_id)
