-- SentinelOne: landed pages -> accounts (sites, or accounts of sites), services, usage, entities.
-- Inputs: raw_pages (the pull's landed pages, with the rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: an active site counts with its active licences, unless it is a trial or the empty default
-- site; more agents than licences are right. A site's licences belong to its bundle of agents: with
-- several such bundles nobody can tell which agent is in which, so their counts are unknown (left
-- out without a quantity), and only the site's total counts. What was bought is apart: `|purchased`.

create or replace temp table counting_rules as
select
    rules.customers_are as customers_are,
    rules.count_trials as count_trials,
    rules.counted_modules as counted_modules
from (
    select unnest(from_json(body, '[{
            "customers_are": "VARCHAR", "count_trials": "BOOLEAN", "counted_modules": ["VARCHAR"]
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

-- Active sites, and those that are over.
create or replace temp table sites as
with records as (
    select
        unnest(from_json(body, '{"data": {"sites": [{
            "id": "VARCHAR", "name": "VARCHAR", "accountId": "VARCHAR", "state": "VARCHAR",
            "siteType": "VARCHAR", "isDefault": "BOOLEAN", "sku": "VARCHAR",
            "activeLicenses": "DECIMAL(18,4)", "totalLicenses": "DECIMAL(18,4)",
            "unlimitedLicenses": "BOOLEAN",
            "licenses": {
                "bundles": [{"name": "VARCHAR", "displayName": "VARCHAR",
                    "surfaces": [{"name": "VARCHAR", "count": "DECIMAL(18,4)"}]}],
                "modules": [{"name": "VARCHAR", "displayName": "VARCHAR"}]
            }
        }]}}').data.sites) as site,
        stream,
        page
    from raw_pages
    where stream in ('sites', 'closed_sites')
)

select
    records.stream,
    records.site,
    records.site.id as site_id,
    case counting_rules.customers_are
        when 'account' then records.site.accountid
        else records.site.id
    end as account_id,
    case
        when records.site.state <> 'active' then records.site.state
        when records.site.sitetype = 'Trial' and not counting_rules.count_trials then 'trial'
        when records.site.isdefault and records.site.activelicenses = 0 then 'default_site'
    end as excluded_reason
from records
cross join counting_rules
-- A site that ended between the two lists is in both: it was active when it was counted.
qualify row_number() over (partition by records.site.id order by records.stream desc, records.page) = 1;

insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "id": "VARCHAR", "name": "VARCHAR", "state": "VARCHAR", "accountType": "VARCHAR"
        }]}').data) as account,
        page
    from raw_pages
    where stream = 'accounts'
),

customers as (
    select
        sites.site_id as account_id,
        sites.site.name as name,
        sites.site.accountid as parent_account_id,
        sites.site.state as state,
        sites.excluded_reason
    from sites
    where sites.site_id = sites.account_id

    union all

    select
        records.account.id as account_id,
        records.account.name as name,
        cast(null as varchar) as parent_account_id,
        records.account.state as state,
        case
            when records.account.state <> 'active' then records.account.state
            when records.account.accounttype = 'Trial' and not counting_rules.count_trials then 'trial'
        end as excluded_reason
    from records
    cross join counting_rules
    qualify row_number() over (partition by records.account.id order by records.page) = 1
)

select
    $system as system,
    account_id,
    name,
    parent_account_id,
    cast(null as varchar) as domain,
    state = 'active' as is_active,
    excluded_reason,
    $pull_id as pull_id
from customers;

-- One row per active site and bundle of agents; other bundles (users, storage) count nothing here.
create or replace temp table bundles as
with listed as (
    select
        site_id,
        unnest(site.licenses.bundles) as bundle
    from sites
    where stream = 'sites'
),

named as (
    select
        site_id,
        lower(bundle.name) as bundle,
        bundle.displayname as name,
        coalesce(bundle.surfaces, []) as surfaces
    from listed
    where bundle.name is not null

    union all

    -- The old field, where a console does not send bundles yet; it writes the names in capitals.
    select
        site_id,
        lower(site.sku) as bundle,
        cast(null as varchar) as name,
        [] as surfaces
    from sites
    where stream = 'sites' and coalesce(len(site.licenses.bundles), 0) = 0 and site.sku <> ''
),

measured as (
    select
        site_id,
        bundle,
        name,
        len(surfaces) = 0 as is_unmeasured,
        list_transform(
            list_filter(surfaces, lambda s: s.name in ('Total Agents', 'Total Endpoints', 'Workloads')),
            lambda s: s.count
        ) as bought
    from named
)

select
    site_id,
    bundle,
    concat('bundle:', bundle) as service_id,
    coalesce(max(name) over (partition by bundle), upper(bundle)) as name,
    case when list_min(bought) >= 0 then list_sum(bought) end as bought,
    is_unmeasured
from measured
where
    len(bought) > 0
    or (
        is_unmeasured
        and (bundle in ('core', 'control', 'complete') or starts_with(bundle, 'cloud_workload_security_'))
    )
qualify row_number() over (partition by site_id, bundle order by name) = 1;

-- One row per active site and service, before any rule; a count that nobody can know has no quantity.
create or replace temp table counts as
with active as (
    select
        sites.site_id,
        sites.account_id,
        sites.site,
        sites.site.activelicenses as qty,
        sites.excluded_reason,
        count(bundles.bundle) as agent_bundles
    from sites
    left join bundles on sites.site_id = bundles.site_id
    where sites.stream = 'sites'
    group by all
),

bundle_services as (
    select
        service_id,
        max(name) as name,
        list(site_id) as site_ids
    from bundles
    group by service_id
),

modules as (
    select
        site_id,
        qty,
        unnest(site.licenses.modules) as module
    from active
),

found as (
    select
        site_id,
        'total_active_licenses' as service_id,
        'Total Active Licenses' as name,
        qty,
        cast(null as varchar) as unknown_because
    from active

    union all

    select
        site_id,
        'total_active_licenses|purchased' as service_id,
        'Total Licenses (purchased)' as name,
        case
            when site.totallicenses >= 0 and not coalesce(site.unlimitedlicenses, false)
                then site.totallicenses
        end as qty,
        'unlimited' as unknown_because
    from active
    where site.totallicenses is not null or site.unlimitedlicenses

    union all

    select
        active.site_id,
        bundle_services.service_id,
        bundle_services.name,
        case when active.agent_bundles = 1 or active.qty = 0 then active.qty end as qty,
        case when active.agent_bundles = 0 then 'no_bundle' else 'ambiguous_bundle' end as unknown_because
    from active
    inner join bundle_services
        on
            list_contains(bundle_services.site_ids, active.site_id)
            -- Agents without a bundle we know of could be in any.
            or (active.agent_bundles = 0 and active.qty > 0)

    union all

    select
        site_id,
        concat(service_id, '|purchased') as service_id,
        concat(name, ' (purchased)') as name,
        bought as qty,
        'unlimited' as unknown_because
    from bundles
    where not is_unmeasured

    union all

    select distinct
        modules.site_id,
        concat('module:', lower(modules.module.name)) as service_id,
        coalesce(modules.module.displayname, modules.module.name) as name,
        modules.qty,
        cast(null as varchar) as unknown_because
    from modules
    cross join counting_rules
    where list_contains(counting_rules.counted_modules, lower(modules.module.name))
)

select
    active.site_id,
    active.account_id,
    active.site.name as site_name,
    found.service_id,
    found.name,
    cast(found.qty as decimal(18, 4)) as qty,
    case
        when active.excluded_reason is not null then active.excluded_reason
        -- Made after the accounts were read, or hidden from the token.
        when accounts.account_id is null then 'account_unknown'
        when accounts.excluded_reason is not null then 'account_inactive'
    end as excluded_reason,
    case when found.qty is null then found.unknown_because end as unknown_because
from found
inner join active on found.site_id = active.site_id
left join core.accounts as accounts
    on active.account_id = accounts.account_id and accounts.pull_id = $pull_id
qualify row_number() over (partition by found.site_id, found.service_id order by found.name) = 1;

insert into core.services by name
select
    $system as system,
    service_id,
    max(name) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'device' as unit,
    true as is_countable,
    $pull_id as pull_id
from counts
group by service_id;

insert into core.usage by name
select
    $system as system,
    account_id,
    service_id,
    site_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from counts
where excluded_reason is null and unknown_because is null;

-- A count that is left out for its site is known not to count; only an unknown one has no quantity.
insert into core.left_out by name
select
    $system as system,
    'licence' as record_kind,
    concat(site_id, '|', service_id) as record_id,
    site_name as name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    case when excluded_reason is null then qty else coalesce(qty, 0) end as qty,
    coalesce(excluded_reason, unknown_because) as reason,
    $pull_id as pull_id
from counts
where excluded_reason is not null or unknown_because is not null;

insert into core.control_totals by name
select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from counts
group by service_id;

-- The agents, where they are read: the evidence behind each unit in use.
create or replace temp table agents as
with records as (
    select
        unnest(from_json(body, '{"data": [{
            "id": "VARCHAR", "siteId": "VARCHAR", "computerName": "VARCHAR", "machineType": "VARCHAR",
            "serialNumber": "VARCHAR", "domain": "VARCHAR", "lastActiveDate": "VARCHAR",
            "isDecommissioned": "BOOLEAN", "isUninstalled": "BOOLEAN"
        }]}').data) as agent,
        page
    from raw_pages
    where stream = 'agents'
)

select
    records.agent,
    totals.account_id,
    case
        when records.agent.isdecommissioned then 'decommissioned'
        when records.agent.isuninstalled then 'uninstalled'
        when totals.site_id is null then 'account_unknown'
        else totals.excluded_reason
    end as excluded_reason
from records
left join counts as totals
    on records.agent.siteid = totals.site_id and totals.service_id = 'total_active_licenses'
qualify row_number() over (partition by records.agent.id order by records.page) = 1;

insert into core.entities by name
select
    $system as system,
    agents.account_id,
    counts.service_id,
    agents.agent.id as entity_id,
    coalesce(agents.agent.computername, agents.agent.id) as name,
    coalesce(agents.agent.machinetype, 'unknown') as kind,
    agents.agent.serialnumber as serial,
    agents.agent.domain as domain,
    cast(try_cast(agents.agent.lastactivedate as timestamptz) at time zone 'UTC' as timestamp)
        as last_seen_at,
    $pull_id as pull_id
from agents
inner join counts
    on
        agents.agent.siteid = counts.site_id
        and counts.unknown_because is null
        and counts.service_id not like '%|purchased'
where agents.excluded_reason is null
order by agents.account_id;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    agent.id as record_id,
    agent.computername as name,
    cast(null as varchar) as company_id,
    account_id,
    cast(null as varchar) as service_id,
    cast(1 as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from agents
where excluded_reason is not null;

insert into core.control_totals by name
select
    $system as system,
    'device' as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from agents
having count(*) > 0;
