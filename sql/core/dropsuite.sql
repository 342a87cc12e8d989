-- Dropsuite: landed pages -> accounts (organizations), services (plan x archive), usage (seats), entities.
-- Inputs: raw_pages (the pull's landed pages, with the counting rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: an organization's record counts with the chosen counter, unless it is deactivated or suspended;
-- of several records of one organization and plan the largest counts. All counters stand beside the
-- count as an entity. Pages come in three envelopes: a bare list, result_set, data.

create or replace temp table landed as
select
    stream,
    page,
    parent_id,
    status,
    case
        when json_type(body) = 'ARRAY' then json(body)
        else coalesce(json_extract(body, '$.result_set'), json_extract(body, '$.data'))
    end as records
from raw_pages
where stream <> 'counting_rules';

create or replace temp table rules as
select
    rules.count as counter,
    rules.read_mailboxes as is_listing
from (
    select unnest(from_json(body, '[{"count": "VARCHAR", "read_mailboxes": "BOOLEAN"}]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as chosen;

create or replace temp table plans as
with records as (
    select
        unnest(from_json(records, '[{
            "id": "VARCHAR", "name": "VARCHAR", "currency": "VARCHAR", "amount": "VARCHAR",
            "periodicity": "VARCHAR"
        }]')) as plan,
        page
    from landed
    where stream = 'plans'
)

select
    plan.id as plan_id,
    plan.name,
    plan.currency,
    case when plan.periodicity = 'monthly' then try_cast(plan.amount as decimal(18, 4)) end as amount
from records
qualify row_number() over (partition by plan.id order by page) = 1;

create or replace temp table organizations as
with records as (
    select
        unnest(from_json(records, '[{
            "id": "VARCHAR", "organization_id": "VARCHAR", "organization_name": "VARCHAR",
            "plan_id": "VARCHAR", "archive": "BOOLEAN", "customer_deactivated": "BOOLEAN",
            "flg_suspended": "BOOLEAN", "seats_used": "VARCHAR", "active_seats": "VARCHAR",
            "deactivated_seats": "VARCHAR", "required_seats": "VARCHAR",
            "paid_shared_mailboxes": "VARCHAR", "free_shared_mailboxes": "VARCHAR"
        }]')) as organization,
        page
    from landed
    where stream = 'users'
),

counted as (
    select
        records.organization,
        coalesce(records.organization.plan_id, 'none') as plan_id,
        coalesce(records.organization.archive, false) as has_archive,
        cast(case rules.counter
            when 'active_seats' then records.organization.active_seats
            when 'required_seats' then records.organization.required_seats
            else records.organization.seats_used
        end as decimal(18, 4)) as qty,
        case
            when records.organization.customer_deactivated then 'deactivated'
            -- May still be charged by Dropsuite: shown with its seats.
            when records.organization.flg_suspended then 'suspended'
        end as status_reason
    from records
    cross join rules
    qualify row_number() over (partition by records.organization.id order by records.page) = 1
)

select
    organization,
    organization.organization_id as account_id,
    plan_id,
    has_archive,
    concat(plan_id, case when has_archive then '|archive' else '' end) as service_id,
    qty,
    status_reason,
    case
        when status_reason is not null then status_reason
        when
            row_number() over (
                partition by organization.organization_id, plan_id, has_archive, status_reason
                order by qty desc, organization.id
            ) > 1
            then 'plan_counted_once'
    end as excluded_reason
from counted;

create or replace temp table mailboxes as
with records as (
    select
        unnest(from_json(records, '[{
            "id": "VARCHAR", "email": "VARCHAR", "display_name": "VARCHAR", "last_backup": "VARCHAR",
            "flg_deleted": "BOOLEAN", "deactivated_since": "VARCHAR"
        }]')) as mailbox,
        parent_id,
        page
    from landed
    where stream = 'mailboxes'
)

select
    records.mailbox,
    organizations.account_id,
    organizations.service_id,
    case
        when records.mailbox.flg_deleted then 'deleted'
        when records.mailbox.deactivated_since is not null then 'deactivated'
    end as excluded_reason
from records
inner join organizations on records.parent_id = organizations.organization.id
qualify row_number() over (partition by records.mailbox.id order by records.page) = 1;

insert into core.accounts by name
select
    $system as system,
    account_id,
    coalesce(max(organization.organization_name), concat('Organization ', account_id)) as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    count_if(status_reason is null) > 0 as is_active,
    case when count_if(status_reason is null) = 0 then max(status_reason) end as excluded_reason,
    $pull_id as pull_id
from organizations
group by account_id;

insert into core.services by name
select
    $system as system,
    organizations.service_id,
    concat(
        coalesce(
            max(plans.name),
            case when organizations.plan_id = 'none' then 'No plan' end,
            concat('Plan ', organizations.plan_id)
        ),
        case when organizations.has_archive then ' with Archive' else '' end
    ) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'seat' as unit,
    true as is_countable,
    $pull_id as pull_id
from organizations
left join plans on organizations.plan_id = plans.plan_id
group by organizations.service_id, organizations.plan_id, organizations.has_archive;

insert into core.entities by name
select
    $system as system,
    account_id,
    service_id,
    organization.id as entity_id,
    concat(
        'used ', coalesce(organization.seats_used, '?'),
        ', active ', coalesce(organization.active_seats, '?'),
        ', deactivated ', coalesce(organization.deactivated_seats, '?'),
        ', required ', coalesce(organization.required_seats, '?'),
        ', shared paid ', coalesce(organization.paid_shared_mailboxes, '?'),
        ', shared free ', coalesce(organization.free_shared_mailboxes, '?')
    ) as name,
    case
        when
            try_cast(organization.seats_used as decimal(18, 4))
            <> try_cast(organization.active_seats as decimal(18, 4))
            + try_cast(organization.deactivated_seats as decimal(18, 4))
            then 'counters that do not add up'
        else 'counters'
    end as kind,
    cast(null as varchar) as serial,
    cast(null as varchar) as domain,
    cast(null as timestamp) as last_seen_at,
    $pull_id as pull_id
from organizations
where excluded_reason is null

union all

select
    $system as system,
    account_id,
    service_id,
    concat('mailbox:', mailbox.id) as entity_id,
    coalesce(mailbox.display_name, mailbox.email, mailbox.id) as name,
    'mailbox' as kind,
    cast(null as varchar) as serial,
    split_part(mailbox.email, '@', 2) as domain,
    try_cast(mailbox.last_backup as timestamp) as last_seen_at,
    $pull_id as pull_id
from mailboxes
where excluded_reason is null
order by account_id;

insert into core.usage by name
select
    $system as system,
    organizations.account_id,
    organizations.service_id,
    organizations.organization.id as usage_id,
    organizations.qty,
    -- What the archive costs on top is told nowhere.
    case when not organizations.has_archive then plans.amount end as unit_cost,
    case when not organizations.has_archive and plans.amount is not null then plans.currency end as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from organizations
left join plans on organizations.plan_id = plans.plan_id
where organizations.excluded_reason is null;

insert into core.left_out by name
with lists as (
    select
        parent_id,
        max(status) as status
    from landed
    where stream = 'mailboxes'
    group by parent_id
)

select
    $system as system,
    'organization' as record_kind,
    organization.id as record_id,
    organization.organization_name as name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from organizations
where excluded_reason is not null

union all

select
    $system as system,
    'mailbox' as record_kind,
    mailbox.id as record_id,
    coalesce(mailbox.display_name, mailbox.email) as name,
    cast(null as varchar) as company_id,
    account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from mailboxes
where excluded_reason is not null

union all

select
    $system as system,
    'mailbox_list' as record_kind,
    organizations.organization.id as record_id,
    organizations.organization.organization_name as name,
    cast(null as varchar) as company_id,
    organizations.account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    case when lists.status is null then 'no_token' else 'product_not_owned' end as reason,
    $pull_id as pull_id
from organizations
cross join rules
left join lists on organizations.organization.id = lists.parent_id
where
    rules.is_listing
    and organizations.status_reason is null
    and (lists.status is null or lists.status <> 200);

insert into core.control_totals by name
select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from organizations
group by service_id;
