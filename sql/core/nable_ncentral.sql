-- N-able N-central: landed pages -> accounts (customers, or customers and sites), services, usage, entities.
-- Inputs: raw_pages (the pull's landed pages, with the rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: probes do not count; a device is Professional or Essential, and where the server does not tell
-- it counts as Professional and is listed once more as unknown; a chosen filter counts its devices
-- whatever their licence mode. Devices not seen for long count like any other.

create or replace temp table counting_rules as
select
    rules.account as account,
    rules.filters as filters
from (
    select unnest(from_json(body, '[{"account": "VARCHAR", "filters": ["VARCHAR"]}]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

create or replace temp table rollups as
select
    service_id,
    name,
    licence_modes,
    device_types
from (
    values
    (
        'total_professional', 'Total Devices (Professional)',
        ['professional', 'unknown'], ['server', 'workstation', 'other']
    ),
    ('total_essential', 'Total Devices (Essential)', ['essential'], ['server', 'workstation', 'other']),
    ('servers', 'Servers (Professional)', ['professional', 'unknown'], ['server']),
    ('workstations', 'Workstations (Professional)', ['professional', 'unknown'], ['workstation']),
    (
        'workstations_and_servers', 'Workstations and Servers (Professional)',
        ['professional', 'unknown'], ['server', 'workstation']
    ),
    (
        'network_other', 'Network and Other Devices (Professional)',
        ['professional', 'unknown'], ['other']
    ),
    (
        'licence_mode_unknown', 'Devices (licence mode unknown)',
        ['unknown'], ['server', 'workstation', 'other']
    )
) as listed (service_id, name, licence_modes, device_types); -- noqa: AL05

create or replace temp table device_records as
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "deviceId": "VARCHAR", "longName": "VARCHAR", "discoveredName": "VARCHAR",
            "deviceClass": "VARCHAR", "licenseMode": "VARCHAR", "isProbe": "VARCHAR",
            "orgUnitId": "VARCHAR", "customerId": "VARCHAR", "siteId": "VARCHAR", "soId": "VARCHAR",
            "soName": "VARCHAR", "uri": "VARCHAR", "lastApplianceCheckinTime": "VARCHAR"
        }]}').data) as device,
        page
    from raw_pages
    where stream = 'devices'
)

select device
from records
qualify row_number() over (partition by device.deviceid order by page) = 1;

-- Customers and sites are org units of one id space: a site's id is never a customer's.
create or replace temp table org_units as
with customers as (
    select
        unnest(from_json(body, '{"data": [{
            "customerId": "VARCHAR", "customerName": "VARCHAR", "parentId": "VARCHAR", "isSystem": "VARCHAR"
        }]}').data) as customer,
        page
    from raw_pages
    where stream = 'customers'
),

sites as (
    select
        unnest(from_json(body, '{"data": [{
            "siteId": "VARCHAR", "siteName": "VARCHAR", "parentId": "VARCHAR", "isSystem": "VARCHAR"
        }]}').data) as site,
        page
    from raw_pages
    where stream = 'sites'
),

units as (
    select
        'customer' as kind,
        customer.customerid as org_unit_id,
        customer.customerid as customer_id,
        customer.customername as name,
        customer.parentid as parent_id,
        coalesce(lower(customer.issystem) = 'true', false) as is_system,
        page
    from customers

    union all

    select
        'site' as kind,
        site.siteid as org_unit_id,
        site.parentid as customer_id,
        site.sitename as name,
        site.parentid as parent_id,
        coalesce(lower(site.issystem) = 'true', false) as is_system,
        page
    from sites
)

select
    kind,
    org_unit_id,
    customer_id,
    name,
    parent_id,
    is_system
from units
qualify row_number() over (partition by kind, org_unit_id order by page) = 1;

-- A name that several customers, or several sites, share is shown with the name of what it belongs to:
-- the same name under two service organizations may be two customers, so a person decides.
insert into core.accounts by name
with service_orgs as (
    select
        device.soid as so_id,
        max(device.soname) as name
    from device_records
    group by device.soid
),

owned as (
    select
        org_units.kind,
        org_units.org_unit_id,
        org_units.name,
        case when org_units.kind = 'site' then org_units.customer_id end as parent_account_id,
        coalesce(customers.name, service_orgs.name, org_units.parent_id, '?') as owner_name,
        case when org_units.is_system or coalesce(customers.is_system, false) then 'system' end
            as excluded_reason
    from org_units
    left join org_units as customers
        on
            org_units.kind = 'site'
            and customers.kind = 'customer'
            and org_units.customer_id = customers.org_unit_id
    left join service_orgs on org_units.kind = 'customer' and org_units.parent_id = service_orgs.so_id
)

select
    $system as system,
    owned.org_unit_id as account_id,
    case
        when count(*) over (partition by owned.kind, owned.name) > 1
            then concat(owned.name, ' (', owned.owner_name, ')')
        else owned.name
    end as name,
    owned.parent_account_id,
    cast(null as varchar) as domain,
    owned.excluded_reason is null as is_active,
    owned.excluded_reason,
    $pull_id as pull_id
from owned
cross join counting_rules
where owned.kind = 'customer' or counting_rules.account = 'site';

create or replace temp table devices as
with placed as (
    select
        records.device,
        case
            -- Seen to be missing, and seen to be the site's: then the org unit tells.
            when told.kind = 'customer' then told.customer_id
            else coalesce(units.customer_id, sites.customer_id, told.customer_id)
        end as customer_id,
        coalesce(
            case when units.kind = 'site' then units.org_unit_id end,
            sites.org_unit_id,
            case when told.kind = 'site' then told.org_unit_id end
        ) as site_id
    from device_records as records
    left join org_units as told on records.device.customerid = told.org_unit_id
    left join org_units as units on records.device.orgunitid = units.org_unit_id
    left join org_units as sites on records.device.siteid = sites.org_unit_id and sites.kind = 'site'
),

owned as (
    select
        placed.device,
        case
            when counting_rules.account = 'site' then coalesce(placed.site_id, placed.customer_id)
            else placed.customer_id
        end as account_id,
        case
            when nullif(trim(placed.device.licensemode), '') is null then 'unknown'
            when lower(placed.device.licensemode) in ('professional', 'essential')
                then lower(placed.device.licensemode)
        end as licence_mode,
        case
            when placed.device.deviceclass ilike 'servers%' then 'server'
            when placed.device.deviceclass ilike 'workstations%' or placed.device.deviceclass ilike 'laptop%'
                then 'workstation'
            else 'other'
        end as device_type
    from placed
    cross join counting_rules
)

select
    owned.device,
    coalesce(accounts.account_id, owned.account_id) as account_id,
    owned.licence_mode,
    owned.device_type,
    case
        when lower(owned.device.isprobe) = 'true' then 'probe'
        -- At the service organization itself, or of a customer hidden from the API user.
        when accounts.account_id is null then 'account_unknown'
        when accounts.excluded_reason is not null then 'account_excluded'
        when owned.licence_mode is null then 'other_licence_mode'
    end as excluded_reason
from owned
left join core.accounts as accounts
    on owned.account_id = accounts.account_id and accounts.pull_id = $pull_id;

create or replace temp table filtered_devices as
with records as (
    select
        parent_id as filter_id,
        unnest(from_json(body, '{"data": [{"deviceId": "VARCHAR", "longName": "VARCHAR"}]}').data) as device,
        page
    from raw_pages
    where stream like 'filtered\_devices\_%' escape '\'
),

distinct_records as (
    select
        filter_id,
        device
    from records
    qualify row_number() over (partition by filter_id, device.deviceid order by page) = 1
)

select
    filtered.filter_id,
    concat('filter:', filtered.filter_id) as service_id,
    filtered.device.deviceid as device_id,
    filtered.device.longname as name,
    devices.account_id,
    -- Added between the two lists: whose it is, is not known yet.
    case when devices.device is null then 'not_in_device_list' else devices.excluded_reason end
        as excluded_reason
from distinct_records as filtered
left join devices on filtered.device.deviceid = devices.device.deviceid;

insert into core.services by name
select
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id
from rollups
where
    service_id <> 'licence_mode_unknown'
    or exists (
        select 1 as found
        from devices
        where devices.licence_mode = 'unknown' and devices.excluded_reason is null
    )

union all

select
    $system as system,
    concat('filter:', listed.named.filterid) as service_id,
    max(listed.named.filtername) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id
from (
    select unnest(from_json(body, '{"data": [{
            "filterId": "VARCHAR", "filterName": "VARCHAR"
        }]}').data) as named
    from raw_pages
    where stream = 'device_filters'
) as listed
inner join counting_rules on list_contains(counting_rules.filters, listed.named.filterid)
group by listed.named.filterid;

insert into core.entities by name
with memberships as (
    select
        rollups.service_id,
        devices.device,
        devices.account_id
    from devices
    inner join rollups
        on
            list_contains(rollups.licence_modes, devices.licence_mode)
            and list_contains(rollups.device_types, devices.device_type)
    where devices.excluded_reason is null

    union all

    select
        filtered.service_id,
        devices.device,
        devices.account_id
    from filtered_devices as filtered
    inner join devices on filtered.device_id = devices.device.deviceid
    where filtered.excluded_reason is null
)

select
    $system as system,
    account_id,
    service_id,
    device.deviceid as entity_id,
    coalesce(device.longname, device.discoveredname, device.deviceid) as name,
    device.deviceclass as kind,
    cast(null as varchar) as serial,
    cast(null as varchar) as domain,
    try_cast(device.lastappliancecheckintime as timestamptz) at time zone 'UTC' as last_seen_at,
    $pull_id as pull_id
from memberships
order by account_id;

-- An account with devices has a row for every service in use: 0 where it has none of it.
insert into core.usage by name
with counted as (
    select
        account_id,
        service_id,
        count(*) as devices
    from core.entities
    where pull_id = $pull_id and service_id not like 'filter:%'
    group by account_id, service_id
),

accounts_in_use as (
    select distinct account_id
    from counted
),

services_in_use as (
    select distinct service_id
    from counted
    where service_id <> 'licence_mode_unknown'
),

pairs as (
    select
        accounts_in_use.account_id,
        services_in_use.service_id
    from accounts_in_use
    cross join services_in_use

    union

    select
        account_id,
        service_id
    from counted
)

select
    $system as system,
    pairs.account_id,
    pairs.service_id,
    pairs.service_id as usage_id,
    cast(coalesce(counted.devices, 0) as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from pairs
left join counted on pairs.account_id = counted.account_id and pairs.service_id = counted.service_id

union all

-- Device by device, so that conservation can hold each filter's list against what was counted.
select
    $system as system,
    account_id,
    service_id,
    device_id as usage_id,
    cast(1 as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from filtered_devices
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    device.deviceid as record_id,
    coalesce(device.longname, device.discoveredname) as name,
    cast(null as varchar) as company_id,
    account_id,
    cast(null as varchar) as service_id,
    cast(1 as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from devices
where excluded_reason is not null

union all

select
    $system as system,
    'filtered_device' as record_kind,
    concat(filter_id, '/', device_id) as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    cast(1 as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from filtered_devices
where excluded_reason is not null;

insert into core.control_totals by name
select
    $system as system,
    'device' as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from device_records

union all

select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from filtered_devices
group by service_id;
