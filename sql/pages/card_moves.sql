-- Devices, seats and mailboxes that joined or left a card's count since the month before, by name.
-- Each month is read with its own evidence and its own mapping; only vendors with evidence in both
-- months are compared. Inputs: core.pulls, core.entities, map.*.
-- Parameters: $period, $before, $customer, $service, $limit. `found` is how many there are in all.

with pulls as (
    select
        pulls.period,
        pulls.system,
        pulls.pull_id
    from core.pulls as pulls
    where
        pulls.period in ($before, $period)
        and pulls.is_evidence
        and pulls.role = 'vendor'
    qualify count(*) over (partition by pulls.system) = 2
),

accounts as (
    select
        pulls.period,
        pulls.system,
        pulls.pull_id,
        accounts.account_id,
        accounts.account_name
    from pulls
    inner join map.accounts as accounts
        on pulls.period = accounts.period and pulls.system = accounts.system
    where accounts.company_id = $customer and accounts.state = 'mapped'
),

feeds as (
    select distinct
        services.period,
        services.system,
        services.service_id
    from map.services as services
    inner join map.service_groups as service_groups
        on
            services.period = service_groups.period
            and services.product_id = service_groups.member_id
            and service_groups.member_kind = 'product'
    where
        services.period in ($before, $period)
        and services.state = 'mapped'
        and services.leg = 'usage'
        and service_groups.service_group_id = $service
),

counted as (
    select
        accounts.period,
        accounts.system,
        entities.entity_id,
        max(entities.name) as name,
        max(entities.kind) as kind,
        max(entities.last_seen_at) as last_seen_at,
        max(accounts.account_name) as account_name
    from accounts
    inner join feeds on accounts.period = feeds.period and accounts.system = feeds.system
    inner join core.entities as entities
        on
            accounts.pull_id = entities.pull_id
            and accounts.account_id = entities.account_id
            and feeds.service_id = entities.service_id
    group by accounts.period, accounts.system, entities.entity_id
),

one_sided as (
    select
        counted.system,
        counted.entity_id,
        max(counted.period) as period,
        max(counted.name) as name,
        max(counted.kind) as kind,
        max(counted.last_seen_at) as last_seen_at,
        max(counted.account_name) as account_name
    from counted
    group by counted.system, counted.entity_id
    having count(*) = 1
),

told as (
    select
        one_sided.*,
        count(*) over (partition by one_sided.period) as found,
        row_number() over (
            partition by one_sided.period
            order by one_sided.system, one_sided.account_name, one_sided.name, one_sided.entity_id
        ) as place
    from one_sided
)

select
    told.system,
    told.account_name,
    told.entity_id,
    told.name,
    told.kind,
    told.last_seen_at,
    told.period = $period as is_new,
    told.found
from told
where told.place <= $limit
order by told.period desc, told.place
