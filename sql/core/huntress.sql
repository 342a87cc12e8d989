-- Huntress: landed pages -> accounts (organizations), services (one per product), usage, entities.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id, $as_of (instant, UTC).
-- Rules: an organization uses what its own record says, agents not seen for long included; it has no
-- status, so every one that is listed counts, with zeros too. A product that no organization uses was
-- not bought: it is no service. A count that is missing from a record is unknown, and never zero.

create or replace temp table organizations as
with records as (
    select
        unnest(from_json(body, '{"organizations": [{
            "id": "VARCHAR", "name": "VARCHAR", "account_id": "VARCHAR",
            "agents_count": "DECIMAL(18,4)", "billable_identity_count": "DECIMAL(18,4)",
            "microsoft_365_users_count": "DECIMAL(18,4)", "logs_sources_count": "DECIMAL(18,4)",
            "sat_learner_count": "DECIMAL(18,4)"
        }]}').organizations) as organization,
        page
    from raw_pages
    where stream = 'organizations'
)

select organization
from records
qualify row_number() over (partition by organization.id order by page) = 1;

insert into core.accounts by name
select
    $system as system,
    organization.id as account_id,
    organization.name as name,
    organization.account_id as parent_account_id,
    cast(null as varchar) as domain,
    true as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from organizations;

-- One row per organization and product that anybody uses.
create or replace temp table counts as
with products as (
    select
        organization,
        unnest([
            {
                'service_id': 'edr', 'name': 'Managed EDR', 'unit': 'device',
                'qty': organization.agents_count
            },
            {
                'service_id': 'itdr', 'name': 'Managed ITDR', 'unit': 'user',
                -- The second is what older answers call it.
                'qty': coalesce(organization.billable_identity_count, organization.microsoft_365_users_count)
            },
            {
                'service_id': 'siem', 'name': 'Managed SIEM', 'unit': 'log source',
                'qty': organization.logs_sources_count
            },
            {
                'service_id': 'sat', 'name': 'Managed Security Awareness Training', 'unit': 'learner',
                'qty': organization.sat_learner_count
            }
        ]) as product
    from organizations
)

select
    organization.id as account_id,
    organization.name as account_name,
    product.service_id as service_id,
    product.name as name,
    product.unit as unit,
    product.qty as qty
from products
qualify max(product.qty) over (partition by product.service_id) > 0;

insert into core.services by name
select distinct
    $system as system,
    service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    unit,
    true as is_countable,
    $pull_id as pull_id
from counts;

insert into core.usage by name
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
from counts
where qty is not null;

insert into core.left_out by name
select
    $system as system,
    'count' as record_kind,
    concat(account_id, '|', service_id) as record_id,
    account_name as name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    cast(null as decimal(18, 4)) as qty,
    'count_missing' as reason,
    $pull_id as pull_id
from counts
where qty is null;

insert into core.control_totals by name
select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    sum(qty) as qty,
    $pull_id as pull_id
from counts
group by service_id;

-- The agents, where they are read: the evidence behind the units of EDR.
create or replace temp table agents as
with records as (
    select
        unnest(from_json(body, '{"agents": [{
            "id": "VARCHAR", "organization_id": "VARCHAR", "hostname": "VARCHAR", "os": "VARCHAR",
            "serial_number": "VARCHAR", "domain_name": "VARCHAR", "last_callback_at": "VARCHAR"
        }]}').agents) as agent,
        page
    from raw_pages
    where stream = 'agents'
)

select
    records.agent,
    -- Made after the organizations were read, or hidden from the keys.
    organizations.organization.id is not null as has_account
from records
left join organizations on records.agent.organization_id = organizations.organization.id
qualify row_number() over (partition by records.agent.id order by records.page) = 1;

insert into core.entities by name
select
    $system as system,
    agent.organization_id as account_id,
    'edr' as service_id,
    agent.id as entity_id,
    coalesce(agent.hostname, agent.id) as name,
    case when agent.os ilike '%server%' then 'server' else 'workstation' end as kind,
    agent.serial_number as serial,
    agent.domain_name as domain,
    cast(try_cast(agent.last_callback_at as timestamptz) at time zone 'UTC' as timestamp) as last_seen_at,
    $pull_id as pull_id
from agents
where has_account
order by account_id;

insert into core.left_out by name
select
    $system as system,
    'device' as record_kind,
    agent.id as record_id,
    agent.hostname as name,
    cast(null as varchar) as company_id,
    agent.organization_id as account_id,
    cast(null as varchar) as service_id,
    cast(1 as decimal(18, 4)) as qty,
    'account_unknown' as reason,
    $pull_id as pull_id
from agents
where not has_account;

insert into core.control_totals by name
select
    $system as system,
    'device' as measure,
    count(*) as records,
    cast(count(*) as decimal(18, 4)) as qty,
    $pull_id as pull_id
from agents
having count(*) > 0;
