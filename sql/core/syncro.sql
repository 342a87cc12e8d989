-- Syncro: landed pages -> companies (customers), agreements (schedules), agreement lines, products.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id.
-- Rules: a customer counts unless disabled; a schedule unless paused (it knows no first and no last day); a
-- line unless it is charged once only. Quantities come as texts. Units of schedules of different frequency
-- are added up, as units are what vendors count. A line without a product is a product of its own, named
-- after its schedule and its text, so that a person can map it. Lines of a schedule that was asked in detail
-- are those of the detail.

create or replace temp table counting as
with landed as (
    select unnest(from_json(body, '[{"day": "VARCHAR", "currency": "VARCHAR"}]')) as rules
    from raw_pages
    where stream = 'counting_rules'
)

select landed.rules.currency
from landed;

insert into core.companies by name
with records as (
    select
        unnest(from_json(body, '{"customers": [{
            "id": "VARCHAR", "business_name": "VARCHAR", "business_then_name": "VARCHAR", "fullname": "VARCHAR",
            "disabled": "BOOLEAN"
        }]}').customers) as customer,
        page
    from raw_pages
    where stream = 'customers'
)

select
    $system as system,
    records.customer.id as company_id,
    -- Whoever is no business has a person's name only.
    coalesce(
        nullif(trim(records.customer.business_name), ''),
        nullif(trim(records.customer.business_then_name), ''),
        nullif(trim(records.customer.fullname), ''),
        concat('Customer ', records.customer.id)
    ) as name,
    cast(null as varchar) as parent_company_id,
    not records.customer.disabled as is_active,
    case when records.customer.disabled then 'disabled' end as excluded_reason,
    $pull_id as pull_id
from records
qualify row_number() over (partition by records.customer.id order by records.page) = 1;

create or replace temp table schedules as
with records as (
    select
        unnest(from_json(body, '{"schedules": [{
            "id": "VARCHAR", "customer_id": "VARCHAR", "name": "VARCHAR", "frequency": "VARCHAR",
            "paused": "BOOLEAN", "lines": ["JSON"]
        }]}').schedules) as schedule,
        page
    from raw_pages
    where stream = 'schedules'
),

details as (
    select
        from_json(body, '{"schedule": {"id": "VARCHAR", "lines": ["JSON"]}}').schedule as schedule,
        page
    from raw_pages
    where stream = 'schedule_details'
),

listed as (
    select schedule
    from records
    qualify row_number() over (partition by schedule.id order by page) = 1
),

detailed as (
    select schedule
    from details
    qualify row_number() over (partition by schedule.id order by page desc) = 1
)

select
    listed.schedule.id as agreement_id,
    listed.schedule.customer_id as company_id,
    coalesce(nullif(trim(listed.schedule.name), ''), concat('Schedule ', listed.schedule.id)) as name,
    nullif(trim(listed.schedule.frequency), '') as billing_cycle,
    coalesce(detailed.schedule.lines, listed.schedule.lines, []) as lines,
    case when listed.schedule.paused then 'paused' end as excluded_reason
from listed
left join detailed on listed.schedule.id = detailed.schedule.id;

insert into core.agreement_types by name
select
    $system as system,
    billing_cycle as type_id,
    billing_cycle as name,
    true as is_active,
    $pull_id as pull_id
from schedules
where billing_cycle is not null
group by billing_cycle;

insert into core.agreements by name
select
    $system as system,
    agreement_id,
    company_id,
    name,
    billing_cycle as type_id,
    billing_cycle as type_name,
    billing_cycle,
    billing_cycle is not null as is_recurring,
    cast(null as date) as starts_on,
    cast(null as date) as ends_on,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from schedules;

-- Every line of every schedule, with the first reason why it does not count.
create or replace temp table schedule_lines as
with records as (
    select
        agreement_id,
        from_json(unnest(lines), '{
            "id": "VARCHAR", "product_id": "VARCHAR", "name": "VARCHAR", "description": "VARCHAR",
            "quantity": "DECIMAL(18,4)", "retail_cents": "DECIMAL(18,4)", "cost_cents": "DECIMAL(18,4)",
            "one_time_charge": "BOOLEAN", "recurring_type_id": "VARCHAR", "asset_type_id": "VARCHAR",
            "saved_asset_search_id": "VARCHAR", "contact_field_type_id": "VARCHAR",
            "contact_field_answer_id": "VARCHAR"
        }') as line
    from schedules
),

once as (
    select
        agreement_id,
        line
    from records
    qualify row_number() over (partition by agreement_id, line.id) = 1
)

select
    once.line.id as line_id,
    once.agreement_id as agreement_id,
    schedules.company_id as company_id,
    coalesce(
        once.line.product_id,
        concat(
            'manual:', once.agreement_id, ':', lower(trim(regexp_replace(once.line.name, '\s+', ' ', 'g')))
        )
    ) as product_id,
    once.line.product_id is null as is_manual,
    nullif(trim(once.line.name), '') as name,
    once.line.quantity as qty,
    once.line.retail_cents / 100 as unit_price,
    once.line.cost_cents / 100 as unit_cost,
    coalesce(
        once.line.recurring_type_id, once.line.asset_type_id, once.line.saved_asset_search_id,
        once.line.contact_field_type_id, once.line.contact_field_answer_id
    ) is not null as is_auto_counted,
    schedules.excluded_reason is null as is_on_agreement,
    case
        when schedules.excluded_reason is not null then 'agreement_excluded'
        -- Made after the customers were read.
        when companies.company_id is null then 'company_unknown'
        when companies.excluded_reason is not null then 'company_excluded'
        when once.line.one_time_charge then 'one_time'
    end as excluded_reason
from once
inner join schedules on once.agreement_id = schedules.agreement_id
left join core.companies as companies
    on schedules.company_id = companies.company_id and companies.pull_id = $pull_id;

insert into core.products by name
with records as (
    select
        unnest(from_json(body, '{"products": [{
            "id": "VARCHAR", "name": "VARCHAR", "price_retail": "DECIMAL(18,4)",
            "price_cost": "DECIMAL(18,4)", "disabled": "BOOLEAN"
        }]}').products) as product,
        page
    from raw_pages
    where stream = 'products'
),

products as (
    select product
    from records
    qualify row_number() over (partition by product.id order by page) = 1
),

manual as (
    select
        schedule_lines.product_id,
        max(schedule_lines.name) as name,
        max(schedule_lines.unit_price) as unit_price,
        max(schedule_lines.unit_cost) as unit_cost
    from schedule_lines
    where schedule_lines.is_manual and schedule_lines.excluded_reason is null
    group by schedule_lines.product_id
)

select
    $system as system,
    products.product.id as product_id,
    products.product.name as name,
    products.product.price_retail as unit_price,
    products.product.price_cost as unit_cost,
    counting.currency as currency,
    not coalesce(products.product.disabled, false) as is_active,
    $pull_id as pull_id
from products
cross join counting

union all

select
    $system as system,
    manual.product_id as product_id,
    coalesce(manual.name, manual.product_id) as name,
    manual.unit_price as unit_price,
    manual.unit_cost as unit_cost,
    counting.currency as currency,
    true as is_active,
    $pull_id as pull_id
from manual
cross join counting;

insert into core.agreement_lines by name
select
    $system as system,
    schedule_lines.line_id as line_id,
    schedule_lines.agreement_id as agreement_id,
    schedule_lines.company_id as company_id,
    schedule_lines.product_id as product_id,
    schedule_lines.name as description,
    schedule_lines.qty as qty,
    0 as qty_included,
    schedule_lines.unit_price as unit_price,
    schedule_lines.unit_cost as unit_cost,
    counting.currency as currency,
    cast(null as date) as effective_on,
    cast(null as date) as ends_on,
    schedule_lines.is_auto_counted as is_auto_counted,
    schedule_lines.excluded_reason as excluded_reason,
    'agreement' as units_from,
    cast(null as date) as invoiced_on,
    concat('schedules/', schedule_lines.agreement_id, '/line_items/', schedule_lines.line_id) as write_key,
    $pull_id as pull_id
from schedule_lines
cross join counting
where schedule_lines.is_on_agreement;

insert into core.left_out by name
select
    $system as system,
    'agreement_line' as record_kind,
    line_id as record_id,
    name,
    company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from schedule_lines
where excluded_reason is not null and not is_on_agreement;

insert into core.control_totals by name
select
    $system as system,
    'agreement_line' as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from schedule_lines;
