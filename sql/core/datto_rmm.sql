-- Datto RMM: landed pages -> accounts (sites), services (device classes, antivirus), usage, entities.
-- Inputs: raw_pages (the pull's landed pages, with the counting rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: devices count that are not deleted, at sites whose uid is a GUID; offline devices count. A site
-- is counted by its own list where that was read and shows more devices than the account-wide one.
-- Devices of OnDemand sites are a service of their own and in no other.

create or replace temp table counting_rules as
select
    rules.count_suspended as count_suspended,
    rules.count_antivirus as count_antivirus
from (
    select unnest(from_json(body, '[{"count_suspended": "BOOLEAN", "count_antivirus": "BOOLEAN"}]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

create or replace temp table sites as
with records as (
    select
        unnest(from_json(body, '{"sites": [{
            "uid": "VARCHAR", "name": "VARCHAR", "onDemand": "BOOLEAN",
            "devicesStatus": {"numberOfDevices": "VARCHAR"}
        }]}').sites) as site,
        page
    from raw_pages
    where stream = 'sites'
)

select
    site.uid as site_uid,
    site.name as name,
    coalesce(site.ondemand, false) as is_on_demand,
    try_cast(site.devicesstatus.numberofdevices as bigint) as total,
    -- The system's own site, "Deleted Devices", is the one whose uid is no GUID.
    not regexp_full_match(site.uid, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}') as is_system
from records
qualify row_number() over (partition by site.uid order by page) = 1;

create or replace temp table listed_devices as
with records as (
    select
        unnest(from_json(body, '{"devices": [{
            "uid": "VARCHAR", "siteUid": "VARCHAR", "hostname": "VARCHAR", "domain": "VARCHAR",
            "deviceType": {"category": "VARCHAR"}, "deviceClass": "VARCHAR", "deleted": "BOOLEAN",
            "suspended": "BOOLEAN", "lastSeen": "VARCHAR",
            "antivirus": {"antivirusProduct": "VARCHAR", "antivirusStatus": "VARCHAR"}
        }]}').devices) as device,
        stream,
        page
    from raw_pages
    where stream in ('devices', 'site_devices')
)

select
    device,
    device.siteuid as site_uid,
    stream as list,
    coalesce(device.deleted, false) as is_deleted,
    coalesce(device.suspended, false) as is_suspended
from records
qualify row_number() over (partition by device.uid, stream order by page) = 1;

-- One row per site: which list counts, and whether the two and the site's own total agree.
create or replace temp table site_lists as
with counts as (
    select
        sites.site_uid,
        sites.name,
        sites.total,
        count(*) filter (where listed.list = 'site_devices' and not listed.is_deleted) as own_devices,
        count(*) filter (where listed.list = 'devices' and not listed.is_deleted) as devices,
        count(*) filter (where listed.list = 'devices' and listed.is_deleted) as deleted,
        count(*) filter (where listed.list = 'devices' and not listed.is_deleted and listed.is_suspended)
            as suspended
    from sites
    left join listed_devices as listed on sites.site_uid = listed.site_uid
    where not sites.is_system
    group by sites.site_uid, sites.name, sites.total
)

select
    site_uid,
    name,
    case when own_devices > devices then 'site_devices' else 'devices' end as list,
    case
        when own_devices > devices then 'account_list_is_short'
        -- Whether a site's total has its deleted and suspended devices is not documented.
        when total not in (devices, devices + deleted, devices - suspended) then 'total_differs'
    end as remark
from counts;

create or replace temp table devices as
with placed as (
    select
        listed.device,
        listed.site_uid,
        listed.is_deleted,
        listed.is_suspended,
        sites.is_system,
        coalesce(sites.is_on_demand, false) as is_on_demand,
        lower(coalesce(listed.device.devicetype.category, '')) as category,
        lower(coalesce(listed.device.deviceclass, '')) as device_class,
        listed.list = coalesce(site_lists.list, 'devices') as is_in_counted_list
    from listed_devices as listed
    left join sites on listed.site_uid = sites.site_uid
    left join site_lists on listed.site_uid = site_lists.site_uid
    qualify
        row_number() over (partition by listed.device.uid order by is_in_counted_list desc, listed.list desc)
        = 1
)

select
    placed.device,
    placed.site_uid,
    placed.is_on_demand,
    case
        when placed.device_class = 'esxihost' then 'esxi_hosts'
        when placed.device_class = 'rmmnetworkdevice' then 'network_devices'
        when placed.device_class = 'printer' then 'printers'
        when placed.category = 'server' then 'servers'
        when placed.category in ('desktop', 'laptop') then 'workstations'
        when placed.category = 'esxi host' then 'esxi_hosts'
        when placed.category = 'network device' then 'network_devices'
        when placed.category = 'printer' then 'printers'
        else 'other_devices'
    end as class_service,
    case
        when placed.device.antivirus.antivirusstatus <> 'NotDetected'
            then nullif(trim(placed.device.antivirus.antivirusproduct), '')
    end as antivirus,
    -- The agent looked for antivirus, whatever it found.
    placed.device.antivirus.antivirusstatus is not null as is_antivirus_known,
    case
        when placed.is_deleted then 'deleted'
        when placed.is_system then 'deleted_devices_site'
        -- Made after the sites were read, or hidden from the API user.
        when placed.is_system is null then 'account_unknown'
        when not placed.is_in_counted_list then 'only_in_shorter_list'
        when placed.is_suspended and not counting_rules.count_suspended then 'suspended'
    end as excluded_reason
from placed
cross join counting_rules;

create or replace temp table memberships as
select
    unnest(case
        when is_on_demand then ['ondemand_devices']
        when class_service in ('servers', 'workstations')
            then ['total_devices', 'workstations_and_servers', class_service]
        else ['total_devices', class_service]
    end) as service_id,
    device,
    site_uid
from devices
where excluded_reason is null

union all

select
    concat('antivirus|', devices.antivirus) as service_id,
    devices.device,
    devices.site_uid
from devices
cross join counting_rules
where
    devices.excluded_reason is null
    and devices.antivirus is not null
    and not devices.is_on_demand
    and counting_rules.count_antivirus;

insert into core.accounts by name
select
    $system as system,
    site_uid as account_id,
    name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    not is_system as is_active,
    case when is_system then 'deleted_devices_site' end as excluded_reason,
    $pull_id as pull_id
from sites;

insert into core.services by name
with listed (service_id, name) as (
    values
    ('total_devices', 'Total Devices'),
    ('servers', 'Servers'),
    ('esxi_hosts', 'ESXi Hosts'),
    ('workstations', 'Workstations'),
    ('workstations_and_servers', 'Workstations and Servers'),
    ('network_devices', 'Network Devices'),
    ('printers', 'Printers'),
    ('other_devices', 'Other Devices'),
    ('ondemand_devices', 'OnDemand Devices')

    union all

    select distinct
        service_id,
        concat('Antivirus: ', substr(service_id, length('antivirus|') + 1)) as name
    from memberships
    where starts_with(service_id, 'antivirus|')
)

select
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    case when starts_with(service_id, 'antivirus|') then 'seat' else 'device' end as unit,
    true as is_countable,
    $pull_id as pull_id
from listed;

insert into core.entities by name
select
    $system as system,
    site_uid as account_id,
    service_id,
    device.uid as entity_id,
    coalesce(device.hostname, device.uid) as name,
    coalesce(device.devicetype.category, device.deviceclass, 'unknown') as kind,
    cast(null as varchar) as serial,
    device.domain,
    -- Datto RMM, dates: declared as ISO 8601, sent as milliseconds or seconds since 1970.
    case
        when not regexp_full_match(device.lastseen, '[0-9.]+')
            then cast(try_cast(device.lastseen as timestamptz) at time zone 'UTC' as timestamp)
        when try_cast(device.lastseen as double) > 1e11
            then make_timestamp(cast(try_cast(device.lastseen as double) * 1000 as bigint))
        else make_timestamp(cast(try_cast(device.lastseen as double) * 1000000 as bigint))
    end as last_seen_at,
    $pull_id as pull_id
from memberships
order by account_id;

-- Every service of every site, with an explicit zero: the lists are whole. Antivirus is zero only where
-- an agent looked for it, or where there is no device.
insert into core.usage by name
with known as (
    select
        sites.site_uid,
        coalesce(bool_or(devices.is_antivirus_known), true) as is_antivirus_known
    from sites
    left join devices on sites.site_uid = devices.site_uid and devices.excluded_reason is null
    where not sites.is_system
    group by sites.site_uid
),

counts as (
    select
        memberships.site_uid,
        memberships.service_id,
        count(*) as qty
    from memberships
    group by memberships.site_uid, memberships.service_id
)

select
    $system as system,
    known.site_uid as account_id,
    services.service_id,
    services.service_id as usage_id,
    cast(coalesce(counts.qty, 0) as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from known
inner join core.services as services
    on services.pull_id = $pull_id and (services.unit = 'device' or known.is_antivirus_known)
left join counts on known.site_uid = counts.site_uid and services.service_id = counts.service_id;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    device.uid as record_id,
    device.hostname as name,
    cast(null as varchar) as company_id,
    site_uid as account_id,
    cast(null as varchar) as service_id,
    cast(1 as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from devices
where excluded_reason is not null

union all

-- The list that was not counted, so that a person sees where the two disagreed.
select
    $system as system,
    'device_list' as record_kind,
    site_uid as record_id,
    name,
    cast(null as varchar) as company_id,
    site_uid as account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    remark as reason,
    $pull_id as pull_id
from site_lists
where remark is not null;

insert into core.control_totals by name
select
    $system as system,
    'device' as measure,
    count(distinct device.uid) as records,
    cast(count(distinct device.uid) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from listed_devices;
