-- NinjaOne: landed pages -> accounts (organizations), services (device-class rollups), usage, entities.
-- Inputs: raw_pages (the pull's landed pages, with the counting rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a device counts when its approval status is billable; offline devices count. One device is
-- in every rollup its class belongs to; a class nobody knows yet is in Total Devices only.

create or replace temp table rollups as
select
    service_id,
    name,
    unnest(classes) as node_class
from (
    values
    ('total_servers', 'Total Servers', [
        'WINDOWS_SERVER', 'LINUX_SERVER', 'MAC_SERVER', 'NMS_SERVER', 'VMWARE_VM_HOST', 'HYPERV_VMM_HOST',
        'VMWARE_VM_GUEST', 'HYPERV_VMM_GUEST', 'NMS_VM_HOST', 'NMS_VIRTUAL_MACHINE'
    ]),
    ('total_physical_servers', 'Total Physical Servers', [
        'WINDOWS_SERVER', 'LINUX_SERVER', 'MAC_SERVER', 'NMS_SERVER'
    ]),
    ('total_virtual_servers', 'Total Virtual Servers', [
        'VMWARE_VM_HOST', 'HYPERV_VMM_HOST', 'VMWARE_VM_GUEST', 'HYPERV_VMM_GUEST', 'NMS_VM_HOST',
        'NMS_VIRTUAL_MACHINE'
    ]),
    ('total_workstations', 'Total Workstations', [
        'WINDOWS_WORKSTATION', 'LINUX_WORKSTATION', 'MAC', 'NMS_COMPUTER'
    ]),
    ('total_workstations_and_servers', 'Total Workstations and Servers', [
        'WINDOWS_SERVER', 'LINUX_SERVER', 'MAC_SERVER', 'NMS_SERVER', 'VMWARE_VM_HOST', 'HYPERV_VMM_HOST',
        'VMWARE_VM_GUEST', 'HYPERV_VMM_GUEST', 'NMS_VM_HOST', 'NMS_VIRTUAL_MACHINE',
        'WINDOWS_WORKSTATION', 'LINUX_WORKSTATION', 'MAC', 'NMS_COMPUTER'
    ]),
    ('total_network_devices', 'Total Network Devices', [
        'NMS_SWITCH', 'NMS_ROUTER', 'NMS_PRIVATE_NETWORK_GATEWAY', 'NMS_WAP', 'NMS_FIREWALL', 'NMS_PRINTER',
        'NMS_APPLIANCE', 'NMS_SCANNER', 'NMS_OTHER', 'CLOUD_MONITOR_TARGET', 'NMS_DIAL_MANAGER', 'NMS_PHONE',
        'NMS_IPSLA', 'NMS_NETWORK_MANAGEMENT_AGENT'
    ]),
    ('total_mobile_devices', 'Total Mobile Devices', ['ANDROID', 'APPLE_IOS', 'APPLE_IPADOS'])
) as listed (service_id, name, classes); -- noqa: AL05

create or replace temp table counting_rules as
select
    rules.billable_statuses as billable_statuses,
    rules.count_virtual_guests as count_virtual_guests,
    rules.count_ipados as count_ipados
from (
    select unnest(from_json(body, '[{
            "billable_statuses": ["VARCHAR"], "count_virtual_guests": "BOOLEAN", "count_ipados": "BOOLEAN"
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

create or replace temp table devices as
with records as (
    select
        unnest(from_json(body, '[{
            "id": "VARCHAR", "organizationId": "VARCHAR", "nodeClass": "VARCHAR",
            "approvalStatus": "VARCHAR", "displayName": "VARCHAR", "systemName": "VARCHAR",
            "dnsName": "VARCHAR", "lastContact": "DOUBLE"
        }]')) as device,
        page
    from raw_pages
    where stream = 'devices'
),

organizations as (
    select distinct organization.id as organization_id
    from (
        select unnest(from_json(body, '[{"id": "VARCHAR"}]')) as organization
        from raw_pages
        where stream = 'organizations'
    ) as landed
)

select
    records.device,
    case
        when not list_contains(counting_rules.billable_statuses, records.device.approvalstatus)
            then 'not_approved'
        when
            not counting_rules.count_virtual_guests
            and records.device.nodeclass in ('VMWARE_VM_GUEST', 'HYPERV_VMM_GUEST')
            then 'virtual_guest'
        -- Made after the organizations were read, or hidden from the API user.
        when organizations.organization_id is null then 'account_unknown'
    end as excluded_reason,
    counting_rules.count_ipados
from records
cross join counting_rules
left join organizations on records.device.organizationid = organizations.organization_id
qualify row_number() over (partition by records.device.id order by records.page) = 1;

insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '[{"id": "VARCHAR", "name": "VARCHAR"}]')) as organization,
        page
    from raw_pages
    where stream = 'organizations'
)

select
    $system as system,
    organization.id as account_id,
    organization.name as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    true as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from records
qualify row_number() over (partition by organization.id order by page) = 1;

insert into core.services by name
select distinct
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id
from rollups

union all

select
    $system as system,
    'total_devices' as service_id,
    'Total Devices' as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id;

insert into core.entities by name
with memberships as (
    select
        rollups.service_id,
        devices.device
    from devices
    inner join rollups on devices.device.nodeclass = rollups.node_class
    where
        devices.excluded_reason is null
        and (devices.count_ipados or devices.device.nodeclass <> 'APPLE_IPADOS')

    union all

    select
        'total_devices' as service_id,
        devices.device
    from devices
    where devices.excluded_reason is null
)

select
    $system as system,
    device.organizationid as account_id,
    service_id,
    device.id as entity_id,
    coalesce(device.displayname, device.systemname, device.id) as name,
    device.nodeclass as kind,
    cast(null as varchar) as serial,
    device.dnsname as domain,
    cast(to_timestamp(device.lastcontact) at time zone 'UTC' as timestamp) as last_seen_at,
    $pull_id as pull_id
from memberships
order by account_id;

insert into core.usage by name
select
    $system as system,
    account_id,
    service_id,
    service_id as usage_id,
    cast(count(*) as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from core.entities
where pull_id = $pull_id
group by account_id, service_id;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    device.id as record_id,
    coalesce(device.displayname, device.systemname) as name,
    cast(null as varchar) as company_id,
    device.organizationid as account_id,
    cast(null as varchar) as service_id,
    cast(1 as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from devices
where excluded_reason is not null;

insert into core.control_totals by name
select
    $system as system,
    'device' as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from devices;
