-- Pax8: landed pages -> accounts, services (one per product x billing term x commitment), usage.
-- Inputs: raw_pages (the pull's landed pages).
-- Parameters: $system, $pull_id, $period (YYYY-MM), $as_of (instant of the pull, UTC).
-- Rules: a subscription counts when it is Active, Activated or PendingCancel, recurring, started by
-- the end of the period, not ended before the period, and its company is Active.

insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '{"content": [{
            "id": "VARCHAR", "name": "VARCHAR", "status": "VARCHAR", "website": "VARCHAR"
        }]}').content) as company,
        page
    from raw_pages
    where stream = 'companies'
)

select
    $system as system,
    company.id as account_id,
    company.name as name,
    cast(null as varchar) as parent_account_id,
    company.website as domain,
    company.status = 'Active' as is_active,
    case when company.status <> 'Active' then lower(company.status) end as excluded_reason,
    $pull_id as pull_id
from records
qualify row_number() over (partition by company.id order by page) = 1;

create or replace temp table subscriptions as
with records as (
    select
        unnest(from_json(body, '{"content": [{
            "id": "VARCHAR", "companyId": "VARCHAR", "productId": "VARCHAR", "productName": "VARCHAR",
            "quantity": "DECIMAL(18,4)", "status": "VARCHAR", "billingTerm": "VARCHAR",
            "commitmentTerm": {"term": "VARCHAR", "endDate": "VARCHAR"}, "startDate": "VARCHAR",
            "billingStart": "VARCHAR", "endDate": "VARCHAR", "partnerCost": "DECIMAL(18,4)",
            "currencyCode": "VARCHAR"
        }]}').content) as subscription,
        page
    from raw_pages
    where stream = 'subscriptions'
),

dated as (
    select
        subscription,
        coalesce(subscription.commitmentterm.term, 'none') as commitment,
        greatest(
            try_cast(left(subscription.startdate, 10) as date),
            try_cast(left(subscription.billingstart, 10) as date)
        ) as starts_on,
        try_cast(left(subscription.enddate, 10) as date) as ends_on,
        cast(concat($period, '-01') as date) as first_day,
        last_day(cast(concat($period, '-01') as date)) as final_day
    from records
    qualify row_number() over (partition by subscription.id order by page) = 1
)

select
    dated.subscription,
    concat(dated.subscription.productid, '|', dated.subscription.billingterm, '|', dated.commitment)
        as service_id,
    case
        when dated.subscription.status = 'Trial' then 'trial'
        when dated.subscription.status not in ('Active', 'Activated', 'PendingCancel')
            then 'not_billable_status'
        when dated.subscription.billingterm in ('One-Time', 'Trial', 'Activation')
            then 'not_recurring_term'
        when dated.starts_on > dated.final_day then 'not_started'
        when dated.ends_on < dated.first_day then 'ended'
        when accounts.account_id is null then 'account_unknown'
        when accounts.excluded_reason is not null then 'account_inactive'
    end as excluded_reason
from dated
left join core.accounts as accounts
    on dated.subscription.companyid = accounts.account_id and accounts.pull_id = $pull_id;

insert into core.services by name
select
    $system as system,
    service_id,
    max(concat(
        subscription.productname, ' ', subscription.billingterm,
        case
            when subscription.commitmentterm.term is not null
                then concat(' — ', replace(subscription.commitmentterm.term, '-', ' '))
            else ''
        end
    )) as name,
    max(subscription.billingterm) as billing_term,
    max(subscription.commitmentterm.term) as commitment_term,
    'licence' as unit,
    true as is_countable,
    $pull_id as pull_id
from subscriptions
group by service_id

union all

select
    $system as system,
    subscription.productid as service_id,
    max(subscription.productname) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'licence' as unit,
    false as is_countable,
    $pull_id as pull_id
from subscriptions
group by subscription.productid;

insert into core.usage by name
select
    $system as system,
    subscription.companyid as account_id,
    service_id,
    subscription.id as usage_id,
    subscription.quantity as qty,
    subscription.partnercost as unit_cost,
    subscription.currencycode as currency,
    try_cast(left(subscription.commitmentterm.enddate, 10) as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from subscriptions
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'subscription' as record_kind,
    subscription.id as record_id,
    subscription.productname as name,
    cast(null as varchar) as company_id,
    subscription.companyid as account_id,
    service_id,
    subscription.quantity as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from subscriptions
where excluded_reason is not null;

insert into core.control_totals by name
select
    $system as system,
    'subscription' as measure,
    count(*) as records,
    coalesce(sum(subscription.quantity), 0) as qty,
    $pull_id as pull_id
from subscriptions;
