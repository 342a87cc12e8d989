-- Cove Data Protection: landed pages -> accounts (partners), services (kinds of device, Microsoft 365
-- users, storage), usage, entities.
-- Inputs: raw_pages (partners, devices, the counting rules in force; with count = "month_maximum" also
-- maximum, the rows of the month's Maximum Value report).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a site counts with its customer. Trials, customers in a state nobody knows, the recycle bin and
-- demo devices don't count. A device is counted by its type; a Microsoft 365 tenant by its billable users.
-- The report adds the devices deleted during the month, and can only raise what a device is counted with.

create or replace temp table counting_rules as
select
    rules.count_trials as count_trials,
    rules.fair_use_gb_server as fair_use_gb_server,
    rules.fair_use_gb_workstation as fair_use_gb_workstation,
    rules.columns as columns
from (
    select unnest(from_json(body, '[{
            "count_trials": "BOOLEAN", "fair_use_gb_server": "DECIMAL(18,4)",
            "fair_use_gb_workstation": "DECIMAL(18,4)", "columns": ["VARCHAR"]
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

-- A service whose column was left out is not listed at all: nothing is known of it.
create or replace temp table services as
select
    listed.service_id,
    listed.name,
    listed.unit
from (
    values
    ('physical_servers', 'Physical Servers', 'device', 'I32'),
    ('virtual_servers', 'Virtual Servers', 'device', 'I32'),
    ('total_servers', 'Total Servers', 'device', 'I32'),
    ('physical_workstations', 'Physical Workstations', 'device', 'I32'),
    ('virtual_workstations', 'Virtual Workstations', 'device', 'I32'),
    ('workstations', 'Workstations', 'device', 'I32'),
    ('documents', 'Documents', 'device', 'I32'),
    ('recovery_testing', 'Recovery Testing', 'device', 'I80'),
    ('standby_image', 'Standby Image', 'device', 'I80'),
    ('microsoft_365_users', 'Microsoft 365 Users', 'user', 'TM'),
    ('used_storage_gb', 'Used Storage (GB)', 'GB', 'I14'),
    ('selected_size_gb', 'Selected Size (GB)', 'GB', 'D9F03'),
    ('storage_over_fair_use_gb', 'Storage over Fair Use (GB)', 'GB', 'D9F03')
) as listed (service_id, name, unit, code) -- noqa: AL05
cross join counting_rules
where list_contains(counting_rules.columns, listed.code);

create or replace temp table partners as
with recursive records as (
    select
        unnest(from_json(body, '{"result": {"result": [{
            "Id": "VARCHAR", "ParentId": "VARCHAR", "Name": "VARCHAR", "Level": "VARCHAR", "State": "VARCHAR"
        }]}}').result.result) as partner,
        page
    from raw_pages
    where stream = 'partners'
),

listed as (
    select
        partner.id as partner_id,
        partner.parentid as parent_id,
        partner.name as name,
        partner.level as level,
        partner.state as state
    from records
    qualify row_number() over (partition by partner.id order by page) = 1
),

-- From each partner up to the first that is no site; the steps are bounded, should parents ever loop.
climbs as (
    select
        partner_id,
        partner_id as reached_id,
        parent_id as next_id,
        level as reached_level,
        0 as steps
    from listed

    union all

    select
        climbs.partner_id,
        listed.partner_id as reached_id,
        listed.parent_id as next_id,
        listed.level as reached_level,
        climbs.steps + 1 as steps
    from climbs
    inner join listed on climbs.next_id = listed.partner_id
    where climbs.reached_level = 'Site' and climbs.steps < 10
),

homes as (
    select
        climbs.partner_id,
        climbs.reached_id as account_id
    from climbs
    where climbs.reached_level = 'EndCustomer'
),

reasons as (
    select
        listed.partner_id,
        case
            when listed.name like '%Recycle Bin' then 'recycle_bin'
            when listed.level not in ('EndCustomer', 'Site') then 'not_a_customer'
            when listed.state = 'InTrial' and not counting_rules.count_trials then 'trial'
            -- Whether such a customer is billed is not documented: shown, not guessed.
            when listed.state not in ('InTrial', 'InProduction') then 'unknown_status'
        end as reason
    from listed
    cross join counting_rules
)

-- A site below no customer is an account of its own.
select
    listed.partner_id,
    listed.parent_id,
    listed.name,
    listed.state,
    coalesce(homes.account_id, listed.partner_id) as account_id,
    coalesce(own.reason, above.reason) as excluded_reason
from listed
left join homes on listed.partner_id = homes.partner_id
inner join reasons as own on listed.partner_id = own.partner_id
left join reasons as above on homes.account_id = above.partner_id;

create or replace temp table live_devices as
with records as (
    select
        unnest(from_json(body, '{"result": {"result": [{
            "AccountId": "VARCHAR", "PartnerId": "VARCHAR", "Settings": ["MAP(VARCHAR, VARCHAR)"]
        }]}}').result.result) as device,
        page
    from raw_pages
    where stream = 'devices'
),

named as (
    select
        device.accountid as device_id,
        device.partnerid as partner_id,
        map_from_entries(flatten(list_transform(device.settings, lambda one: map_entries(one)))) as told
    from records
    qualify row_number() over (partition by device.accountid order by page) = 1
)

select
    device_id,
    partner_id,
    coalesce(told['I18'], told['I1']) as name,
    case
        when told['I59'] = '2' then 'Microsoft 365'
        when told['I59'] = '1' and told['I32'] = '2' then 'Server'
        when told['I59'] = '1' and told['I32'] = '1' and told['I10'] = 'Documents' then 'Documents'
        when told['I59'] = '1' and told['I32'] = '1' then 'Workstation'
    end as kind,
    told['I81'] as physicality,
    told['I80'] as recovery,
    -- Absent is none here: a tenant without a billable user has no such column.
    try_cast(coalesce(told['TM'], '0') as decimal(18, 4)) as users,
    cast(try_cast(told['I14'] as decimal(38, 0)) / 1073741824 as decimal(18, 4)) as used_gb,
    cast(try_cast(told['D9F03'] as decimal(38, 0)) / 1073741824 as decimal(18, 4)) as selected_gb,
    lower(coalesce(told['I72'], '')) not in ('', '0', 'false', 'no') as is_demo,
    cast(to_timestamp(try_cast(told['I6'] as bigint)) at time zone 'UTC' as timestamp) as last_seen_at
from named;

create or replace temp table reported_devices as
with records as (
    select unnest(from_json(body, '[{
            "CustomerId": "VARCHAR", "DeviceId": "VARCHAR", "DeviceName": "VARCHAR",
            "ComputerName": "VARCHAR", "OsType": "VARCHAR", "CurrentMonthMvSKU": "VARCHAR",
            "DeviceDeletionDate": "VARCHAR", "UsedStorageGb": "VARCHAR", "SelectedSizeGb": "VARCHAR",
            "O365Users": "VARCHAR", "RecoveryTesting": "VARCHAR"
        }]')) as device
    from raw_pages
    where stream = 'maximum'
),

-- A device that moved from one customer to another in the month counts once, where it is now.
latest as (
    select
        device,
        lower(coalesce(device.ostype, '')) as os_type,
        lower(coalesce(device.currentmonthmvsku, '')) as sku,
        lower(coalesce(device.recoverytesting, '')) as recovery
    from records
    qualify row_number() over (
        partition by device.deviceid
        order by coalesce(device.devicedeletiondate, '9999') desc, device.customerid desc
    ) = 1
)

select
    device.deviceid as device_id,
    device.customerid as partner_id,
    coalesce(device.computername, device.devicename) as name,
    case
        when sku like '%365%' then 'Microsoft 365'
        when sku like '%document%' then 'Documents'
        when os_type = '2' or os_type like '%server%' then 'Server'
        when os_type = '1' or os_type like '%workstation%' then 'Workstation'
        when try_cast(device.o365users as decimal(18, 4)) > 0 then 'Microsoft 365'
    end as kind,
    case
        when sku like '%virtual%' then 'Virtual'
        when sku like '%physical%' then 'Physical'
    end as physicality,
    case
        when recovery = '1' or recovery like '%recovery%' then '1'
        when recovery = '2' or recovery like '%standby%' then '2'
    end as recovery,
    try_cast(device.o365users as decimal(18, 4)) as users,
    try_cast(device.usedstoragegb as decimal(18, 4)) as used_gb,
    try_cast(device.selectedsizegb as decimal(18, 4)) as selected_gb
from latest;

create or replace temp table devices as
with merged as (
    select
        coalesce(live_devices.device_id, reported.device_id) as device_id,
        coalesce(live_devices.partner_id, reported.partner_id) as partner_id,
        coalesce(live_devices.name, reported.name, live_devices.device_id, reported.device_id) as name,
        case when live_devices.device_id is null then reported.kind else live_devices.kind end as kind,
        coalesce(live_devices.physicality, reported.physicality) as physicality,
        coalesce(reported.recovery, live_devices.recovery) as recovery,
        greatest(live_devices.users, reported.users) as users,
        greatest(live_devices.used_gb, reported.used_gb) as used_gb,
        greatest(live_devices.selected_gb, reported.selected_gb) as selected_gb,
        coalesce(live_devices.is_demo, false) as is_demo,
        live_devices.last_seen_at
    from live_devices
    full join reported_devices as reported on live_devices.device_id = reported.device_id
)

select
    merged.device_id,
    coalesce(partners.account_id, merged.partner_id) as account_id,
    merged.name,
    merged.kind,
    merged.physicality,
    merged.recovery,
    merged.users,
    merged.used_gb,
    merged.selected_gb,
    greatest(
        merged.selected_gb - case merged.kind
            when 'Server' then counting_rules.fair_use_gb_server
            when 'Workstation' then counting_rules.fair_use_gb_workstation
            else 0
        end, 0
    ) as over_fair_use_gb,
    merged.last_seen_at,
    case
        -- Of the login's own partner, which its list leaves out, or hidden from the API user.
        when partners.partner_id is null then 'account_unknown'
        when partners.excluded_reason is not null then partners.excluded_reason
        when merged.is_demo then 'demo_device'
        when merged.kind is null then 'os_type_undefined'
        when merged.kind = 'Microsoft 365' and merged.users is null then 'users_unknown'
    end as excluded_reason
from merged
cross join counting_rules
left join partners on merged.partner_id = partners.partner_id;

insert into core.accounts by name
select
    $system as system,
    partner_id as account_id,
    name,
    parent_id as parent_account_id,
    cast(null as varchar) as domain,
    state = 'InProduction' as is_active,
    case
        when excluded_reason is not null then excluded_reason
        when account_id <> partner_id then 'counted_with_customer'
    end as excluded_reason,
    $pull_id as pull_id
from partners;

insert into core.services by name
select
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    unit,
    true as is_countable,
    $pull_id as pull_id
from services;

insert into core.entities by name
with memberships as (
    select
        unnest(list_concat(
            case kind
                -- Physicality may be "Undefined": there is no such service, the total remains.
                when 'Server' then ['total_servers', concat(lower(physicality), '_servers')]
                when 'Workstation' then ['workstations', concat(lower(physicality), '_workstations')]
                when 'Documents' then ['documents']
                else ['microsoft_365_users']
            end,
            case recovery when '1' then ['recovery_testing'] when '2' then ['standby_image'] end
        )) as service_id,
        account_id,
        device_id,
        name,
        kind,
        last_seen_at
    from devices
    where excluded_reason is null
)

select
    $system as system,
    memberships.account_id,
    memberships.service_id,
    memberships.device_id as entity_id,
    memberships.name,
    memberships.kind,
    cast(null as varchar) as serial,
    cast(null as varchar) as domain,
    memberships.last_seen_at,
    $pull_id as pull_id
from memberships
inner join services on memberships.service_id = services.service_id
order by memberships.account_id;

-- What a record is counted with rather than as: users of a tenant, GB of a device.
create or replace temp table amounts as
with told as (
    select
        'microsoft_365_users' as service_id,
        device_id,
        account_id,
        name,
        users as qty,
        excluded_reason
    from devices
    where kind = 'Microsoft 365'

    union all

    select
        'used_storage_gb' as service_id,
        device_id,
        account_id,
        name,
        used_gb as qty,
        excluded_reason
    from devices
    where kind is distinct from 'Microsoft 365' and used_gb is not null

    union all

    select
        'selected_size_gb' as service_id,
        device_id,
        account_id,
        name,
        selected_gb as qty,
        excluded_reason
    from devices
    where kind is distinct from 'Microsoft 365' and selected_gb is not null

    union all

    select
        'storage_over_fair_use_gb' as service_id,
        device_id,
        account_id,
        name,
        over_fair_use_gb as qty,
        excluded_reason
    from devices
    where kind is distinct from 'Microsoft 365' and over_fair_use_gb is not null
)

select
    told.service_id,
    told.device_id,
    told.account_id,
    told.name,
    told.qty,
    told.excluded_reason
from told
inner join services on told.service_id = services.service_id;

-- A customer in scope without such a device has positively none: that is a zero, not a gap.
insert into core.usage by name
select
    $system as system,
    accounts.account_id,
    services.service_id,
    services.service_id as usage_id,
    cast(count(entities.entity_id) as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from core.accounts as accounts
cross join services
left join core.entities as entities
    on
        accounts.account_id = entities.account_id
        and services.service_id = entities.service_id
        and entities.pull_id = $pull_id
where accounts.pull_id = $pull_id and accounts.excluded_reason is null and services.unit = 'device'
group by accounts.account_id, services.service_id

union all

select
    $system as system,
    account_id,
    service_id,
    device_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from amounts
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    device_id as record_id,
    name,
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
    service_id as record_kind,
    device_id as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from amounts
where excluded_reason is not null and service_id <> 'storage_over_fair_use_gb';

insert into core.control_totals by name
with listed as (
    select device_id
    from live_devices

    union

    select device_id
    from reported_devices
)

select
    $system as system,
    'device' as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from listed

union all

select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from amounts
where service_id <> 'storage_over_fair_use_gb'
group by service_id;
