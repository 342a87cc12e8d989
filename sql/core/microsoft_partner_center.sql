-- Partner Center: landed pages -> accounts (customers), services (offer x term x billing cycle), usage.
-- Inputs: raw_pages (the pull's landed pages, with the counting rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a subscription counts its licences when it is paid by licence, no trial, and active; a suspended
-- one is still charged and counts until its commitment ends. Customers in another relationship are not
-- asked, and those whose subscriptions were refused are not ready: their counts are unknown, not zero.

create or replace temp table counting_rules as
select
    rules.relationships as relationships,
    rules.count_suspended as count_suspended,
    cast(rules.day as date) as on_day
from (
    select unnest(from_json(body, '[{
            "day": "VARCHAR", "relationships": ["VARCHAR"], "count_suspended": "BOOLEAN"
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "relationshipToPartner": "VARCHAR",
            "companyProfile": {"companyName": "VARCHAR", "domain": "VARCHAR"}
        }]}').items) as customer,
        page
    from raw_pages
    where stream = 'customers'
),

refused as (
    select distinct parent_id as customer_id
    from raw_pages
    where stream = 'subscriptions' and status <> 200
),

judged as (
    select
        records.customer,
        lower(records.customer.relationshiptopartner) as relationship,
        case
            when not list_contains(counting_rules.relationships, relationship) then 'not_reseller'
            when refused.customer_id is not null then 'not_ready'
        end as excluded_reason
    from records
    cross join counting_rules
    left join refused on records.customer.id = refused.customer_id
    qualify row_number() over (partition by records.customer.id order by records.page) = 1
)

select
    $system as system,
    customer.id as account_id,
    customer.companyprofile.companyname as name,
    cast(null as varchar) as parent_account_id,
    customer.companyprofile.domain as domain,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from judged;

create or replace temp table subscriptions as
with records as (
    select
        parent_id as customer_id,
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "offerId": "VARCHAR", "offerName": "VARCHAR", "quantity": "DECIMAL(18,4)",
            "status": "VARCHAR", "billingType": "VARCHAR", "billingCycle": "VARCHAR",
            "termDuration": "VARCHAR", "commitmentEndDate": "VARCHAR", "isTrial": "BOOLEAN"
        }]}').items) as subscription,
        page
    from raw_pages
    where stream = 'subscriptions' and status = 200
),

dated as (
    select
        customer_id,
        subscription,
        lower(subscription.status) as status,
        coalesce(nullif(subscription.termduration, ''), 'none') as term,
        coalesce(nullif(lower(subscription.billingcycle), ''), 'none') as cycle,
        try_cast(left(subscription.commitmentenddate, 10) as date) as commitment_ends_on
    from records
    qualify row_number() over (partition by subscription.id order by page) = 1
)

select
    dated.customer_id,
    dated.subscription,
    dated.term,
    dated.cycle,
    dated.commitment_ends_on,
    concat(dated.subscription.offerid, '|', dated.term, '|', dated.cycle) as service_id,
    case
        when lower(dated.subscription.billingtype) <> 'license' then 'not_billed_by_licence'
        when coalesce(dated.subscription.istrial, false) then 'trial'
        when dated.status = 'active' then null
        when
            dated.status = 'suspended'
            and counting_rules.count_suspended
            and dated.commitment_ends_on >= counting_rules.on_day
            then null
        when dated.status in ('suspended', 'expired', 'deleted', 'pending', 'disabled') then dated.status
        -- Microsoft adds statuses without notice: left out by name, so that somebody sees it.
        else 'unknown_status'
    end as excluded_reason
from dated
cross join counting_rules;

insert into core.services by name
with named as (
    select
        service_id,
        subscription.offername as offer,
        nullif(cycle, 'none') as billing_term,
        nullif(term, 'none') as commitment_term,
        case term
            when 'none' then null
            when 'P1M' then '1-month term'
            when 'P1Y' then '1-year term'
            when 'P3Y' then '3-year term'
            else concat('term ', term)
        end as term_text,
        case cycle
            when 'none' then null
            when 'monthly' then 'billed monthly'
            when 'annual' then 'billed annually'
            when 'triennial' then 'billed every 3 years'
            when 'one_time' then 'billed once'
            else concat('billed ', cycle)
        end as cycle_text
    from subscriptions
)

select
    $system as system,
    service_id,
    max(concat(
        offer,
        case
            when term_text is not null or cycle_text is not null
                then concat(' (', concat_ws(', ', term_text, cycle_text), ')')
            else ''
        end
    )) as name,
    max(billing_term) as billing_term,
    max(commitment_term) as commitment_term,
    'licence' as unit,
    true as is_countable,
    $pull_id as pull_id
from named
group by service_id;

insert into core.usage by name
select
    $system as system,
    customer_id as account_id,
    service_id,
    subscription.id as usage_id,
    subscription.quantity as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from subscriptions
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'subscription' as record_kind,
    subscription.id as record_id,
    subscription.offername as name,
    cast(null as varchar) as company_id,
    customer_id as account_id,
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
