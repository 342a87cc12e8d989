-- Veeam Service Provider Console: landed pages -> accounts (companies), services (counters, licences), usage.
-- Inputs: raw_pages (the pull's landed pages, with the rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a company's count is the sum over its locations, of the one day in the rules and of no other.
-- A counter that the console shows for anybody is 0 for companies without it. Storage is converted and
-- rounded once, after summing. Licences in their first calendar month are left out.

create or replace temp table rules as
select
    cast(rules.day as date) as counted_on,
    rules.storage_unit,
    case when rules.storage_unit = 'TB' then 1099511627776 else 1073741824 end as bytes_per_unit,
    rules.storage_rounding,
    rules.new_licences = 'inside' as is_new_inside,
    rules.licences_in_points as is_in_points
from (
    select unnest(from_json(body, '[{
            "day": "VARCHAR", "storage_unit": "VARCHAR", "storage_rounding": "VARCHAR",
            "new_licences": "VARCHAR", "licences_in_points": "BOOLEAN"
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

-- Every counter the console's API names, but for "Unknown". A flow is counted over days, not on one.
create or replace temp table counters as
select
    listed.counter,
    case
        when listed.unit = 'bytes' then concat(listed.counter, '|', rules.storage_unit)
        else listed.counter
    end as service_id,
    case
        when listed.unit = 'bytes' then concat(listed.name, ' (', rules.storage_unit, ')')
        else listed.name
    end as name,
    case when listed.unit = 'bytes' then rules.storage_unit else listed.unit end as unit,
    listed.unit = 'bytes' as is_storage,
    listed.unit = 'flow' as is_flow
from (
    values
    ('ManagedVms', 'Managed VMs', 'machine'),
    ('ManagedCloudVms', 'Managed cloud VMs', 'machine'),
    ('ManagedCdpVms', 'Managed VMs with CDP', 'machine'),
    ('ManagedServerAgents', 'Managed server agents', 'device'),
    ('ManagedWorkstationAgents', 'Managed workstation agents', 'device'),
    ('ManagedAgentsWindowsDesktopOS', 'Managed agents on desktop Windows', 'device'),
    ('ManagedAgentsWindowsServerOS', 'Managed agents on Windows Server', 'device'),
    ('ManagedAgentsLinuxOS', 'Managed agents on Linux', 'device'),
    ('ManagedAgentsMacOS', 'Managed agents on macOS', 'device'),
    ('ManagedUsers', 'Managed users', 'user'),
    ('BackedupVms', 'Backed-up VMs', 'machine'),
    ('ReplicatedVms', 'Replicated VMs', 'machine'),
    ('VmCloudBackups', 'VMs in cloud backup', 'machine'),
    ('ServerCloudBackups', 'Servers in cloud backup', 'device'),
    ('WorkstationCloudBackups', 'Workstations in cloud backup', 'device'),
    ('VmCloudReplicas', 'VM cloud replicas', 'machine'),
    ('ProtectedFileShares', 'Protected file shares', 'share'),
    ('ProtectedObjectStorages', 'Protected object storages', 'storage'),
    ('PublicCloudProtectedFileShares', 'Protected file shares in public clouds', 'share'),
    ('PublicCloudProtectedCloudDatabases', 'Protected databases in public clouds', 'database'),
    ('Vb365ProtectedUsers', 'Protected Microsoft 365 users', 'user'),
    ('Vb365ProtectedEducationalUsers', 'Protected Microsoft 365 educational users', 'user'),
    ('Vb365ProtectedGroups', 'Protected Microsoft 365 groups', 'group'),
    ('Vb365ProtectedSites', 'Protected Microsoft 365 sites', 'site'),
    ('Vb365ProtectedTeams', 'Protected Microsoft 365 teams', 'team'),
    ('CloudTotalUsage', 'Cloud repository space used', 'bytes'),
    ('CloudRegularStorageUsage', 'Cloud repository space used, regular storage', 'bytes'),
    ('CloudObjectStorageUsage', 'Cloud repository space used, object storage', 'bytes'),
    ('CloudPerformanceTierBackupSize', 'Cloud backups in the performance tier', 'bytes'),
    ('CloudCapacityTierBackupSize', 'Cloud backups in the capacity tier', 'bytes'),
    ('CloudArchiveTierBackupSize', 'Cloud backups in the archive tier', 'bytes'),
    ('CloudInsiderProtectionBackupSize', 'Cloud backups under insider protection', 'bytes'),
    ('CloudRepositoryUsageByVm', 'Cloud repository space used by VMs', 'bytes'),
    ('CloudRepositoryUsageByServerAgent', 'Cloud repository space used by server agents', 'bytes'),
    ('CloudRepositoryUsageByWorkstationAgent', 'Cloud repository space used by workstation agents', 'bytes'),
    ('CloudRepositoryUsageByUnknownFiles', 'Cloud repository space used by unknown files', 'bytes'),
    ('VmCloudReplicaStorageUsage', 'Storage used by VM cloud replicas', 'bytes'),
    ('VbrBackupSize', 'Backup & Replication backups', 'bytes'),
    ('Vb365BackupSize', 'Microsoft 365 backups', 'bytes'),
    ('Vb365ArchiveSize', 'Microsoft 365 archives', 'bytes'),
    ('FileShareBackupSize', 'File share backups', 'bytes'),
    ('FileShareArchiveSize', 'File share archives', 'bytes'),
    ('FileShareSourceSize', 'File share sources', 'bytes'),
    ('ObjectStorageBackupSize', 'Object storage backups', 'bytes'),
    ('ObjectStorageArchiveSize', 'Object storage archives', 'bytes'),
    ('ObjectStorageSourceSize', 'Object storage sources', 'bytes'),
    ('PublicCloudBackupSize', 'Public cloud backups', 'bytes'),
    ('PublicCloudArchiveSize', 'Public cloud archives', 'bytes'),
    ('VdcVaultAzureFoundationCoreUsedSpace', 'Data Cloud Vault Foundation, core', 'bytes'),
    ('VdcVaultAzureFoundationNonCoreUsedSpace', 'Data Cloud Vault Foundation, non-core', 'bytes'),
    ('VdcVaultAzureAdvancedCoreUsedSpace', 'Data Cloud Vault Advanced, core', 'bytes'),
    ('VdcVaultAzureAdvancedNonCoreUsedSpace', 'Data Cloud Vault Advanced, non-core', 'bytes'),
    ('AgentCloudBackupDataTransferIn', 'Agent backup traffic in', 'flow'),
    ('AgentCloudBackupDataTransferOut', 'Agent backup traffic out', 'flow'),
    ('VbrCloudBackupsDataTransferIn', 'VM backup traffic in', 'flow'),
    ('VbrCloudBackupsDataTransferOut', 'VM backup traffic out', 'flow'),
    ('VbrCloudReplicaDataTransferIn', 'VM replica traffic in', 'flow'),
    ('VbrCloudReplicaDataTransferOut', 'VM replica traffic out', 'flow'),
    ('VmCloudReplicaComputeTime', 'VM replica compute time', 'flow')
) as listed (counter, name, unit) -- noqa: AL05
cross join rules;

-- A disabled company is no active account, and its counts stand: the final invoice needs them.
insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "instanceUid": "VARCHAR", "name": "VARCHAR", "status": "VARCHAR", "resellerUid": "VARCHAR",
            "_embedded": {"organization": {"website": "VARCHAR"}}
        }]}').data) as company,
        page
    from raw_pages
    where stream = 'companies'
)

select
    $system as system,
    company.instanceuid as account_id,
    company.name as name,
    company.reselleruid as parent_account_id,
    company._embedded.organization.website as domain,
    company.status = 'Active' as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from records
qualify row_number() over (partition by company.instanceuid order by page) = 1;

-- Grain: account, counter, day. qty is null where the counter is no service.
create or replace temp table counted as
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "companyUid": "VARCHAR", "locationUid": "VARCHAR", "date": "VARCHAR",
            "counters": [{"type": "VARCHAR", "value": "BIGINT"}]
        }]}').data) as usage,
        page
    from raw_pages
    where stream = 'usage'
),

dated as (
    select
        usage.companyuid as account_id,
        usage.locationuid as location_id,
        -- A date, or midnight UTC written as a moment in the console's own time zone.
        case
            when regexp_matches(usage.date, 'T.*(Z|[+-]\d\d:?\d\d)$')
                then cast(cast(usage.date as timestamptz) at time zone 'UTC' as date)
            else cast(left(usage.date, 10) as date)
        end as used_on,
        usage.counters,
        page
    from records
),

locations as (
    select
        account_id,
        used_on,
        unnest(counters) as reading
    from dated
    qualify row_number() over (partition by account_id, location_id, used_on order by page) = 1
),

sums as (
    select
        account_id,
        used_on,
        reading.type as counter,
        sum(reading.value) as value
    from locations
    group by account_id, used_on, reading.type
)

select
    sums.account_id,
    sums.used_on,
    sums.counter,
    sums.value,
    -- In whole numbers throughout: four decimals are ten-thousandths of a unit.
    case
        when counters.is_flow or counters.counter is null then null
        when not counters.is_storage then cast(sums.value as decimal(18, 4))
        when rules.storage_rounding = 'up'
            then cast((sums.value + rules.bytes_per_unit - 1) // rules.bytes_per_unit as decimal(18, 4))
        when rules.storage_rounding = 'nearest'
            then cast((2 * sums.value + rules.bytes_per_unit) // (2 * rules.bytes_per_unit) as decimal(18, 4))
        else
            cast((20000 * sums.value + rules.bytes_per_unit) // (2 * rules.bytes_per_unit) as decimal(18, 0))
            * cast(0.0001 as decimal(5, 4))
    end as qty
from sums
cross join rules
left join counters on sums.counter = counters.counter;

-- Grain: account, service, day. A company's zero is said here, where others have the counter.
create or replace temp table readings as
with shown as (
    select distinct counted.counter
    from counted
    inner join rules on counted.used_on = rules.counted_on
    where counted.qty is not null
),

amounts as (
    select
        accounts.account_id,
        shown.counter,
        rules.counted_on as used_on,
        coalesce(counted.qty, 0) as qty,
        cast(null as varchar) as excluded_reason
    from core.accounts as accounts
    cross join shown
    cross join rules
    left join counted
        on
            accounts.account_id = counted.account_id
            and shown.counter = counted.counter
            and rules.counted_on = counted.used_on
    where accounts.pull_id = $pull_id

    union all

    select
        counted.account_id,
        counted.counter,
        counted.used_on,
        counted.qty,
        case
            when counted.used_on <> rules.counted_on then 'other_day'
            -- Deleted since that day, or hidden from the API user.
            else 'account_unknown'
        end as excluded_reason
    from counted
    cross join rules
    left join core.accounts as accounts
        on counted.account_id = accounts.account_id and accounts.pull_id = $pull_id
    where counted.qty > 0 and (accounts.account_id is null or counted.used_on <> rules.counted_on)
)

select
    amounts.account_id,
    amounts.used_on,
    counters.service_id,
    counters.name,
    amounts.qty,
    amounts.excluded_reason
from amounts
inner join counters on amounts.counter = counters.counter;

create or replace temp table licences as
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "organizationUid": "VARCHAR", "servers": [{"workloads": [{
                "description": "VARCHAR", "usedCount": "BIGINT", "newCount": "BIGINT",
                "usedUnits": "DECIMAL(18,4)", "newUnits": "DECIMAL(18,4)"
            }]}]
        }]}').data) as organization,
        page
    from raw_pages
    where stream = 'licensing'
),

servers as (
    select
        organization.organizationuid as account_id,
        unnest(organization.servers) as server
    from records
    qualify row_number() over (partition by organization.organizationuid order by page) = 1
),

workloads as (
    select
        account_id,
        unnest(server.workloads) as workload
    from servers
),

-- The same licence on several servers is one sum.
sums as (
    select
        workloads.account_id,
        workloads.workload.description as licence,
        sum(if(rules.is_in_points, workloads.workload.usedunits, workloads.workload.usedcount)) as qty_used,
        sum(if(rules.is_in_points, workloads.workload.newunits, workloads.workload.newcount)) as qty_new
    from workloads
    cross join rules
    group by workloads.account_id, workloads.workload.description
),

shown as (
    select distinct licence
    from sums
),

pairs as (
    select
        accounts.account_id,
        shown.licence
    from core.accounts as accounts
    cross join shown
    where accounts.pull_id = $pull_id

    union

    select
        sums.account_id,
        sums.licence
    from sums
)

select
    pairs.account_id,
    concat('licence|', pairs.licence, case when rules.is_in_points then '|points' else '' end) as service_id,
    concat(pairs.licence, case when rules.is_in_points then ' licence points' else ' licences' end) as name,
    case when rules.is_in_points then 'point' else 'licence' end as unit,
    accounts.account_id is null as is_unknown,
    cast(
        coalesce(sums.qty_used - case when rules.is_new_inside then sums.qty_new else 0 end, 0)
        as decimal(18, 4)
    ) as qty,
    cast(coalesce(sums.qty_new, 0) as decimal(18, 4)) as qty_new
from pairs
cross join rules
left join sums on pairs.account_id = sums.account_id and pairs.licence = sums.licence
left join core.accounts as accounts
    on pairs.account_id = accounts.account_id and accounts.pull_id = $pull_id;

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
from counters
where not is_flow

union all

select distinct
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    unit,
    true as is_countable,
    $pull_id as pull_id
from licences;

insert into core.usage by name
select
    $system as system,
    account_id,
    service_id,
    cast(used_on as varchar) as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    -- What was counted is the whole day: its end.
    cast(used_on + interval 1 day as timestamp) as as_of,
    $pull_id as pull_id
from readings
where excluded_reason is null

union all

select
    $system as system,
    account_id,
    service_id,
    service_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from licences
where not is_unknown;

insert into core.left_out by name
select
    $system as system,
    'counter' as record_kind,
    concat(account_id, '|', service_id, '|', used_on) as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from readings
where excluded_reason is not null

union all

-- No service: traffic is counted over a month of days, and what an unknown counter counts, nobody knows.
select
    $system as system,
    'counter' as record_kind,
    concat(counted.account_id, '|', counted.counter, '|', counted.used_on) as record_id,
    coalesce(counters.name, counted.counter) as name,
    cast(null as varchar) as company_id,
    counted.account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    case when counters.is_flow then 'traffic_or_time' else 'unknown_counter' end as reason,
    $pull_id as pull_id
from counted
left join counters on counted.counter = counters.counter
where counted.value > 0 and (counters.counter is null or counters.is_flow)

union all

select
    $system as system,
    'licence' as record_kind,
    concat(account_id, '|', service_id, '|new') as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty_new as qty,
    'new_this_month' as reason,
    $pull_id as pull_id
from licences
where qty_new > 0

union all

select
    $system as system,
    'licence' as record_kind,
    concat(account_id, '|', service_id) as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty,
    'account_unknown' as reason,
    $pull_id as pull_id
from licences
where is_unknown;

insert into core.control_totals by name
with kinds as (
    select
        service_id,
        count(*) as records
    from readings
    group by service_id
)

select
    $system as system,
    concat('usage:', counters.service_id) as measure,
    max(kinds.records) as records,
    sum(counted.qty) as qty,
    $pull_id as pull_id
from counted
inner join counters on counted.counter = counters.counter
inner join kinds on counters.service_id = kinds.service_id
group by counters.service_id

union all

select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) + count(*) filter (where qty_new > 0) as records,
    sum(qty + qty_new) as qty,
    $pull_id as pull_id
from licences
group by service_id;
