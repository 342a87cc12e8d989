-- N-able N-sight: landed pages (XML as JSON) -> accounts (clients), services, usage, entities.
-- Inputs: raw_pages (the pull's landed pages, with the rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a client's own totals count; a feature counts the devices on which it is switched on. Every
-- client has a row for every service, 0 where it has none: the list tells all of them.

create or replace temp table clients as
with records as (
    select
        unnest(from_json(body, '{"result": {"client": [{
            "clientid": "VARCHAR", "name": "VARCHAR", "device_count": "DECIMAL(18,4)",
            "server_count": "DECIMAL(18,4)", "workstation_count": "DECIMAL(18,4)",
            "mobile_device_count": "DECIMAL(18,4)"
        }]}}').result.client) as client,
        page
    from raw_pages
    where stream = 'clients'
)

select client
from records
qualify row_number() over (partition by client.clientid order by page) = 1;

create or replace temp table features as
with rules as (
    select unnest(from_json(body, '[{"read_features": "BOOLEAN"}]')) as rule
    from raw_pages
    where stream = 'counting_rules'
)

select
    listed.service_id,
    listed.name,
    listed.flag
from (
    values
    ('managed_antivirus', 'Managed Antivirus', 'mav'),
    ('patch_management', 'Patch Management', 'patch'),
    ('backup_recovery', 'Backup & Recovery', 'mob'),
    ('web_protection', 'Web Protection', 'webprotection'),
    ('take_control', 'Take Control', 'takecontrol')
) as listed (service_id, name, flag)
inner join rules on rules.rule.read_features;

insert into core.accounts by name
select
    $system as system,
    client.clientid as account_id,
    client.name as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    true as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from clients;

insert into core.services by name
with listed as (
    select
        service_id,
        name
    from (
        values
        ('total_devices', 'Total Devices'),
        ('servers', 'Servers'),
        ('workstations', 'Workstations'),
        ('mobile_devices', 'Mobile Devices')
    ) as totals (service_id, name) -- noqa: AL05

    union all

    select
        service_id,
        name
    from features
)

select
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id
from listed;

create or replace temp table devices as
with sites as (
    select
        parent_id as client_id,
        stream,
        unnest(from_json(body, '{"result": {"client": [{"site": [{
            "name": "VARCHAR",
            "server": [{"id": "VARCHAR", "name": "VARCHAR", "mav": "VARCHAR", "patch": "VARCHAR",
                "mob": "VARCHAR", "webprotection": "VARCHAR", "takecontrol": "VARCHAR"}],
            "workstation": [{"id": "VARCHAR", "name": "VARCHAR", "mav": "VARCHAR", "patch": "VARCHAR",
                "mob": "VARCHAR", "webprotection": "VARCHAR", "takecontrol": "VARCHAR"}]
        }]}]}}').result.client[1].site) as site
    from raw_pages
    where stream in ('servers', 'workstations')
),

found as (
    select
        client_id,
        case stream when 'servers' then 'server' else 'workstation' end as kind,
        unnest(case stream when 'servers' then site.server else site.workstation end) as device
    from sites
)

select
    client_id,
    kind,
    device
from found
qualify row_number() over (partition by kind, device.id order by client_id) = 1;

insert into core.entities by name
select
    $system as system,
    devices.client_id as account_id,
    features.service_id as service_id,
    concat(devices.kind, '/', devices.device.id) as entity_id,
    coalesce(devices.device.name, devices.device.id) as name,
    devices.kind as kind,
    cast(null as varchar) as serial,
    cast(null as varchar) as domain,
    cast(null as timestamp) as last_seen_at,
    $pull_id as pull_id
from devices
inner join features
    on
        case features.flag
            when 'mav' then devices.device.mav
            when 'patch' then devices.device.patch
            when 'mob' then devices.device.mob
            when 'webprotection' then devices.device.webprotection
            else devices.device.takecontrol
        end = '1'
order by account_id;

insert into core.usage by name
with counted as (
    select
        account_id,
        service_id,
        count(*) as devices
    from core.entities
    where pull_id = $pull_id
    group by account_id, service_id
),

totals as (
    unpivot (
        select
            client.clientid as account_id,
            client.device_count as total_devices,
            client.server_count as servers,
            client.workstation_count as workstations,
            client.mobile_device_count as mobile_devices
        from clients
    )
    on total_devices, servers, workstations, mobile_devices
    into name service_id value qty
),

every_count as (
    select
        account_id,
        service_id,
        qty
    from totals

    union all

    select
        clients.client.clientid as account_id,
        features.service_id,
        cast(coalesce(counted.devices, 0) as decimal(18, 4)) as qty
    from clients
    cross join features
    left join counted
        on clients.client.clientid = counted.account_id and features.service_id = counted.service_id
)

select
    $system as system,
    account_id,
    service_id,
    service_id as usage_id,
    cast(qty as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from every_count;

insert into core.control_totals by name
select
    $system as system,
    'usage:total_devices' as measure,
    count(*) as records,
    sum(client.device_count) as qty,
    $pull_id as pull_id
from clients

union all

-- The vendor's own sum over the classes: both have to say the same.
select
    $system as system,
    'usage:servers' as measure,
    count(*) as records,
    sum(client.device_count - client.workstation_count - client.mobile_device_count) as qty,
    $pull_id as pull_id
from clients

union all

select
    $system as system,
    'usage:workstations' as measure,
    count(*) as records,
    sum(client.workstation_count) as qty,
    $pull_id as pull_id
from clients

union all

select
    $system as system,
    'usage:mobile_devices' as measure,
    count(*) as records,
    sum(client.mobile_device_count) as qty,
    $pull_id as pull_id
from clients

union all

select
    $system as system,
    concat('usage:', features.service_id) as measure,
    (select count(*) from clients) as records,
    cast(count(devices.device) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from features
left join devices
    on
        case features.flag
            when 'mav' then devices.device.mav
            when 'patch' then devices.device.patch
            when 'mob' then devices.device.mob
            when 'webprotection' then devices.device.webprotection
            else devices.device.takecontrol
        end = '1'
group by features.service_id;
