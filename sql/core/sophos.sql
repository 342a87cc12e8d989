-- Sophos Central: landed pages -> accounts (tenants), services (product codes), usage (report lines).
-- Inputs: raw_pages (the pull's landed pages, with the month read as stream counting_rules).
-- Parameters: $system, $pull_id, $on (day of the pull in the billing time zone), $as_of (its instant, UTC).
-- Rules: every line of the report counts with its billable quantity, whatever the account's status; the
-- product code is the service, because the SKU changes with the price band. A line without a tenant
-- belongs to whom it names, else to its serial number. Licences of term customers are services of their
-- own, <product code>|purchased. A usage_id begins with the month of the report it is from.

create or replace temp table rules as
select
    rules.usage_month as usage_month,
    rules.month_before as month_before,
    rules.currency as currency
from (
    select unnest(from_json(body, '[{
            "usage_month": "VARCHAR", "month_before": "VARCHAR", "currency": "VARCHAR"
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

create or replace temp table tenants as
with records as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "showAs": "VARCHAR", "name": "VARCHAR", "status": "VARCHAR",
            "billingType": "VARCHAR"
        }]}').items) as tenant,
        page
    from raw_pages
    where stream = 'tenants'
)

select
    tenant.id as account_id,
    coalesce(nullif(trim(tenant.showas), ''), tenant.name) as name,
    coalesce(tenant.status, 'active') as status
from records
qualify row_number() over (partition by tenant.id order by page) = 1;

create or replace temp table lines as
with records as (
    select
        unnest(from_json(body, '{"items": [{
            "accountId": "VARCHAR", "assignedAccountIdentifier": "VARCHAR",
            "accountNumberOrSerialNumber": "VARCHAR", "accountStatus": "VARCHAR",
            "productCode": "VARCHAR", "productDescription": "VARCHAR", "productGroup": "VARCHAR",
            "sku": "VARCHAR", "orderNumber": "VARCHAR", "orderLineItemNumber": "VARCHAR",
            "externalId": "VARCHAR", "billingStartDate": "VARCHAR",
            "billableQuantity": "DECIMAL(18,4)", "unitPrice": "VARCHAR"
        }]}').items) as line,
        stream,
        page
    from raw_pages
    where stream in ('usage', 'usage_before')
),

known as (
    select
        nullif(line.accountid, '') as tenant_id,
        nullif(line.assignedaccountidentifier, '') as assigned_to,
        nullif(line.accountnumberorserialnumber, '') as serial,
        line,
        stream,
        page,
        concat(
            line.accountid, '|', line.assignedaccountidentifier, '|', line.accountnumberorserialnumber, '|',
            line.productcode, '|', line.sku, '|', line.ordernumber, '|', line.orderlineitemnumber, '|',
            line.externalid, '|', line.billingstartdate
        ) as line_id
    from records
)

select
    stream = 'usage' as is_counted,
    line_id,
    coalesce(tenant_id, 'assigned:' || assigned_to, 'serial:' || serial, 'unassigned') as account_id,
    line.productcode as service_id,
    line.billablequantity as qty,
    try_cast(line.unitprice as decimal(18, 4)) as unit_price,
    coalesce(assigned_to, tenant_id, serial, 'Not assigned to a customer') as account_name,
    coalesce(line.accountstatus, 'active') as account_status,
    -- "Central Email - 500-999 USERS - MSP Monthly" without the band, which follows the partner's volume.
    regexp_replace(
        line.productdescription, ' - [0-9][0-9,]*( ?- ?[0-9][0-9,]*| ?\+)? [A-Z]+( - |$)', '\2'
    ) as description,
    lower(line.productgroup) as unit
from known
qualify row_number() over (partition by stream, line_id order by page) = 1;

create or replace temp table licences as
with records as (
    select
        unnest(from_json(body, '{"licenses": [{
            "id": "VARCHAR", "product": {"code": "VARCHAR", "name": "VARCHAR"}, "type": "VARCHAR",
            "startDate": "VARCHAR", "endDate": "VARCHAR", "quantity": "VARCHAR", "unlimited": "BOOLEAN"
        }]}').licenses) as licence,
        parent_id as account_id,
        page
    from raw_pages
    where stream = 'licences'
),

dated as (
    select
        licence,
        account_id,
        try_cast(licence.quantity as decimal(18, 4)) as qty,
        try_cast(left(licence.startdate, 10) as date) as starts_on,
        try_cast(left(licence.enddate, 10) as date) as ends_on
    from records
    qualify row_number() over (partition by licence.id order by page) = 1
)

select
    licence.id as licence_id,
    account_id,
    concat(licence.product.code, '|purchased') as service_id,
    concat(coalesce(licence.product.name, licence.product.code), ' (purchased)') as service_name,
    qty,
    ends_on,
    case
        when licence.type = 'trial' then 'trial'
        when starts_on > $on then 'not_started'
        when ends_on < $on then 'ended'
        when licence.unlimited then 'unlimited'
        -- Seen in some licences only; unknown is never zero.
        when qty is null then 'quantity_unknown'
    end as excluded_reason
from dated;

insert into core.accounts by name
with statuses as (
    select
        account_id,
        max(account_name) as name,
        count_if(account_status <> 'active') = 0 as is_active
    from lines
    group by account_id
)

select
    $system as system,
    coalesce(tenants.account_id, statuses.account_id) as account_id,
    coalesce(tenants.name, statuses.name) as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    coalesce(tenants.status = 'active', true) and coalesce(statuses.is_active, true) as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from tenants
-- Firewalls sold alone, and customers that are gone by now: billed all the same.
full outer join statuses on tenants.account_id = statuses.account_id;

insert into core.services by name
select
    $system as system,
    service_id,
    case
        when count(distinct description) = 1 then max(description)
        else concat(service_id, ' (several products)')
    end as name,
    'Monthly' as billing_term,
    cast(null as varchar) as commitment_term,
    coalesce(max(unit), 'unit') as unit,
    true as is_countable,
    $pull_id as pull_id
from lines
group by service_id

union all

select
    $system as system,
    service_id,
    max(service_name) as name,
    'Term' as billing_term,
    cast(null as varchar) as commitment_term,
    'licence' as unit,
    true as is_countable,
    $pull_id as pull_id
from licences
group by service_id;

create or replace temp table gone as
select distinct
    before.account_id,
    before.service_id
from lines as before
left join lines as counted
    on
        before.account_id = counted.account_id
        and before.service_id = counted.service_id
        and counted.is_counted
where not before.is_counted and before.qty > 0 and counted.line_id is null;

insert into core.usage by name
select
    $system as system,
    lines.account_id,
    lines.service_id,
    concat(rules.usage_month, '|', lines.line_id) as usage_id,
    lines.qty,
    lines.unit_price as unit_cost,
    case when lines.unit_price is not null then rules.currency end as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from lines
cross join rules
where lines.is_counted

union all

select
    $system as system,
    gone.account_id,
    gone.service_id,
    concat(rules.usage_month, '|none, after ', rules.month_before) as usage_id,
    cast(0 as decimal(18, 4)) as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from gone
cross join rules

union all

select
    $system as system,
    account_id,
    service_id,
    licence_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    ends_on as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from licences
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'licence' as record_kind,
    licence_id as record_id,
    service_name as name,
    cast(null as varchar) as company_id,
    account_id,
    service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from licences
where excluded_reason is not null

union all

-- The customer does not allow Partner Assistance: what it purchased is unknown, which is not nothing.
select
    $system as system,
    'licence_list' as record_kind,
    raw_pages.parent_id as record_id,
    tenants.name,
    cast(null as varchar) as company_id,
    raw_pages.parent_id as account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    'partner_assistance_off' as reason,
    $pull_id as pull_id
from raw_pages
left join tenants on raw_pages.parent_id = tenants.account_id
where raw_pages.stream = 'licences' and raw_pages.status = 403;

insert into core.control_totals by name
with records as (
    select
        service_id,
        qty
    from lines
    where is_counted

    union all

    select
        service_id,
        qty
    from licences

    union all

    select
        service_id,
        0 as qty
    from gone
)

select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from records
group by service_id;
