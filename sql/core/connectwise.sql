-- ConnectWise PSA: landed pages -> companies, agreements, agreement lines, products.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id, $on (day of the pull).
-- Rules: a company counts when it is not deleted, its status is not inactive and one of its types
-- is not Prospect. Which agreements count was decided at the pull, which asked only for their lines
-- (stream agreement_scope). A line counts when it is Billable and effective on the day.

insert into core.companies by name
with records as (
    select
        unnest(from_json(body, '[{
            "id": "VARCHAR", "name": "VARCHAR", "deletedFlag": "BOOLEAN",
            "status": {"id": "VARCHAR"}, "types": [{"name": "VARCHAR"}],
            "parentCompany": {"id": "VARCHAR"}
        }]')) as company,
        page
    from raw_pages
    where stream = 'companies'
),

statuses as (
    select unnest(from_json(body, '[{"id": "VARCHAR", "inactiveFlag": "BOOLEAN"}]')) as status
    from raw_pages
    where stream = 'company_statuses'
),

inactive as (
    select distinct status.id as status_id
    from statuses
    where status.inactiveflag
),

companies as (
    select
        records.company,
        case
            when records.company.deletedflag then 'deleted'
            when inactive.status_id is not null then 'inactive_status'
            when coalesce(len(records.company.types), 0) = 0 then 'no_type'
            when
                len(list_filter(
                    records.company.types, lambda kind: lower(kind.name) <> 'prospect' -- noqa: RF01
                )) = 0
                then 'prospect_only'
        end as excluded_reason
    from records
    left join inactive on records.company.status.id = inactive.status_id
    qualify row_number() over (partition by records.company.id order by records.page) = 1
)

select
    $system as system,
    company.id as company_id,
    company.name as name,
    company.parentcompany.id as parent_company_id,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from companies;

insert into core.products by name
with records as (
    select
        unnest(from_json(body, '[{
            "id": "VARCHAR", "identifier": "VARCHAR", "description": "VARCHAR",
            "inactiveFlag": "BOOLEAN", "price": "DECIMAL(18,4)", "cost": "DECIMAL(18,4)"
        }]')) as product,
        page
    from raw_pages
    where stream = 'catalogue'
)

select
    $system as system,
    product.id as product_id,
    coalesce(product.description, product.identifier) as name,
    product.price as unit_price,
    product.cost as unit_cost,
    cast(null as varchar) as currency,
    not coalesce(product.inactiveflag, false) as is_active,
    $pull_id as pull_id
from records
qualify row_number() over (partition by product.id order by page) = 1;

insert into core.agreement_types by name
with records as (
    select
        unnest(from_json(body, '[{"id": "VARCHAR", "name": "VARCHAR", "inactiveFlag": "BOOLEAN"}]')) as kind,
        page
    from raw_pages
    where stream = 'agreement_types'
)

select
    $system as system,
    kind.id as type_id,
    kind.name as name,
    not coalesce(kind.inactiveflag, false) as is_active,
    $pull_id as pull_id
from records
qualify row_number() over (partition by kind.id order by page) = 1;

insert into core.agreements by name
with records as (
    select
        unnest(from_json(body, '[{
            "id": "VARCHAR", "name": "VARCHAR", "type": {"id": "VARCHAR", "name": "VARCHAR"},
            "company": {"id": "VARCHAR"}, "billingCycle": {"id": "VARCHAR", "name": "VARCHAR"},
            "startDate": "VARCHAR", "endDate": "VARCHAR", "noEndingDateFlag": "BOOLEAN"
        }]')) as agreement,
        page
    from raw_pages
    where stream = 'agreements'
),

cycles as (
    select unnest(from_json(body, '[{"id": "VARCHAR", "billingOptions": "VARCHAR"}]')) as cycle
    from raw_pages
    where stream = 'billing_cycles'
),

recurring as (
    select distinct cycle.id as cycle_id
    from cycles
    where cycle.billingoptions <> 'NotRecurring'
),

scope as (
    select unnest(from_json(body, '[{"agreement_id": "VARCHAR", "excluded_reason": "VARCHAR"}]')) as planned
    from raw_pages
    where stream = 'agreement_scope'
)

select
    $system as system,
    records.agreement.id as agreement_id,
    records.agreement.company.id as company_id,
    records.agreement.name as name,
    records.agreement.type.id as type_id,
    records.agreement.type.name as type_name,
    records.agreement.billingcycle.name as billing_cycle,
    recurring.cycle_id is not null as is_recurring,
    try_cast(left(records.agreement.startdate, 10) as date) as starts_on,
    case
        when not coalesce(records.agreement.noendingdateflag, false)
            then try_cast(left(records.agreement.enddate, 10) as date)
    end as ends_on,
    scope.planned.excluded_reason is null as is_active,
    scope.planned.excluded_reason as excluded_reason,
    $pull_id as pull_id
from records
inner join scope on records.agreement.id = scope.planned.agreement_id
left join recurring on records.agreement.billingcycle.id = recurring.cycle_id
qualify row_number() over (partition by records.agreement.id order by records.page) = 1;

create or replace temp table additions as
with records as (
    select
        parent_id as agreement_id,
        unnest(from_json(body, '[{
            "id": "VARCHAR", "product": {"id": "VARCHAR"}, "quantity": "DECIMAL(18,4)",
            "lessIncluded": "DECIMAL(18,4)", "unitPrice": "DECIMAL(18,4)",
            "unitCost": "DECIMAL(18,4)", "billCustomer": "VARCHAR", "effectiveDate": "VARCHAR",
            "cancelledDate": "VARCHAR", "description": "VARCHAR", "invoiceDescription": "VARCHAR"
        }]')) as addition,
        page
    from raw_pages
    where stream = 'additions'
)

select
    agreement_id,
    addition,
    try_cast(left(addition.effectivedate, 10) as date) as effective_on,
    nullif(try_cast(left(addition.cancelleddate, 10) as date), date '0001-01-01') as cancelled_on
from records
qualify row_number() over (partition by addition.id order by page) = 1;

insert into core.agreement_lines by name
with currencies as (
    select
        unnest(from_json(body, '[{"id": "VARCHAR", "currency": {"name": "VARCHAR"}}]')) as agreement,
        page
    from raw_pages
    where stream = 'agreements'
),

named as (
    select
        agreement.id as agreement_id,
        agreement.currency.name as currency
    from currencies
    qualify row_number() over (partition by agreement.id order by page) = 1
)

select
    $system as system,
    additions.addition.id as line_id,
    additions.agreement_id as agreement_id,
    agreements.company_id as company_id,
    additions.addition.product.id as product_id,
    coalesce(additions.addition.description, additions.addition.invoicedescription) as description,
    additions.addition.quantity as qty,
    coalesce(additions.addition.lessincluded, 0) as qty_included,
    additions.addition.unitprice as unit_price,
    additions.addition.unitcost as unit_cost,
    -- The PSA has names where codes are wanted; a name nobody listed here stays as it is.
    case named.currency
        when 'US Dollar' then 'USD'
        when 'Euro' then 'EUR'
        when 'British Pound' then 'GBP'
        when 'Canadian Dollar' then 'CAD'
        when 'Australian Dollar' then 'AUD'
        when 'New Zealand Dollar' then 'NZD'
        when 'South African Rand' then 'ZAR'
        else named.currency
    end as currency,
    additions.effective_on as effective_on,
    additions.cancelled_on as ends_on,
    false as is_auto_counted,
    case
        when additions.addition.billcustomer = 'NoCharge' then 'no_charge'
        when additions.addition.billcustomer = 'DoNotBill' then 'do_not_bill'
        when additions.effective_on > $on then 'not_effective_yet'
        when additions.cancelled_on <= $on then 'cancelled'
        -- Made after the companies were read, or hidden from the API member.
        when companies.company_id is null then 'company_unknown'
        when companies.excluded_reason is not null then 'company_excluded'
    end as excluded_reason,
    'agreement' as units_from,
    cast(null as date) as invoiced_on,
    concat('agreements/', additions.agreement_id, '/additions/', additions.addition.id) as write_key,
    $pull_id as pull_id
from additions
inner join core.agreements as agreements
    on additions.agreement_id = agreements.agreement_id and agreements.pull_id = $pull_id
left join core.companies as companies
    on agreements.company_id = companies.company_id and companies.pull_id = $pull_id
left join named on additions.agreement_id = named.agreement_id;

insert into core.control_totals by name
select
    $system as system,
    'agreement_line' as measure,
    count(*) as records,
    coalesce(sum(addition.quantity), 0) as qty,
    $pull_id as pull_id
from additions;
