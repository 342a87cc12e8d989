-- Kaseya BMS and Pulseway PSA: landed pages -> companies, agreements, agreement lines, products.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id, $on (day of the pull).
-- Rules: an account counts when it is active and of a wanted type; which contracts count was decided at the
-- pull (stream contract_scope). A line is one service of one contract on that contract's last invoice (stream
-- last_invoices), without what is prorated. Services are known there by name only. Where the unpublished line
-- calls are assumed (stream contract_lines), a line is what those show.

-- Names may come with a capital or without. A quotation mark inside a text has a backslash before it, so
-- only names of fields are changed; letter by letter, as a pattern can't make a letter small.
create or replace temp table pages as
with recursive letters as (
    select
        position,
        chr(cast(64 + position as integer)) as letter
    from generate_series(1, 26) as alphabet (position)
),

renamed as (
    select
        stream,
        parent_id,
        page,
        body,
        case when contains(body, '"Result"') then 1 else 27 end as position
    from raw_pages

    union all

    select
        renamed.stream,
        renamed.parent_id,
        renamed.page,
        regexp_replace(
            renamed.body,
            concat('"', letters.letter, '(\w*)"\s*:'),
            concat('"', lower(letters.letter), '\1":'),
            'g'
        ) as body,
        renamed.position + 1 as position
    from renamed
    inner join letters on renamed.position = letters.position
)

select
    stream,
    parent_id,
    page,
    body
from renamed
where position = 27;

create or replace temp table rules as
with landed as (
    select unnest(from_json(body, '[{
        "currency": "VARCHAR", "account_types": ["VARCHAR"], "proration_types": ["VARCHAR"]
    }]')) as rule
    from pages
    where stream = 'counting_rules'
)

select
    rule.currency,
    list_transform(rule.account_types, lambda word: lower(word)) as account_types, -- noqa: RF01, RF02
    list_transform(rule.proration_types, lambda word: lower(word)) as proration_types -- noqa: RF01, RF02
from landed;

insert into core.companies by name
with records as (
    select
        unnest(from_json(body, '{"result": [{
            "id": "VARCHAR", "accountName": "VARCHAR", "accountType": "VARCHAR", "parentId": "VARCHAR",
            "isActive": "BOOLEAN"
        }]}').result) as account,
        page
    from pages
    where stream = 'accounts'
),

companies as (
    select
        records.account,
        case
            when not records.account.isactive then 'inactive'
            when
                len(rules.account_types) > 0
                and not list_contains(rules.account_types, lower(coalesce(records.account.accounttype, '')))
                then 'not_a_customer'
        end as excluded_reason
    from records
    cross join rules
    qualify row_number() over (partition by records.account.id order by records.page) = 1
)

select
    $system as system,
    account.id as company_id,
    account.accountname as name,
    nullif(account.parentid, '0') as parent_company_id,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from companies;

create or replace temp table contracts as
with records as (
    select
        unnest(from_json(body, '{"result": [{
            "id": "VARCHAR", "contractName": "VARCHAR", "accountName": "VARCHAR", "contractType": "VARCHAR",
            "contractNumber": "VARCHAR", "billingCycle": "VARCHAR", "startDate": "VARCHAR", "endDate": "VARCHAR"
        }]}').result) as contract,
        page
    from pages
    where stream = 'contracts'
),

scope as (
    select unnest(from_json(body, '[{
        "contract_id": "VARCHAR", "account_ids": ["VARCHAR"], "excluded_reason": "VARCHAR"
    }]')) as planned
    from pages
    where stream = 'contract_scope'
),

-- Accounts that share a name were asked which contracts are theirs.
told as (
    select
        parent_id as account_id,
        unnest(from_json(body, '{"result": [{"id": "VARCHAR"}]}').result).id as contract_id
    from pages
    where stream = 'account_contracts'
),

owners as (
    select
        contract_id,
        max(account_id) as account_id
    from told
    group by contract_id
    having count(distinct account_id) = 1
),

owned as (
    select
        records.contract,
        case
            when len(scope.planned.account_ids) = 1 then scope.planned.account_ids[1]
            else owners.account_id
        end as company_id,
        scope.planned.excluded_reason
    from records
    inner join scope on records.contract.id = scope.planned.contract_id
    left join owners on records.contract.id = owners.contract_id
    qualify row_number() over (partition by records.contract.id order by records.page) = 1
),

last_invoices as (
    select unnest(from_json(body, '[{
        "contract_id": "VARCHAR", "invoice_id": "VARCHAR", "invoiced_on": "VARCHAR"
    }]')) as found
    from pages
    where stream = 'last_invoices'
),

sources as (
    select count(case when stream = 'last_invoices' then 1 end) > 0 as are_invoices
    from pages
)

select
    owned.contract.id as contract_id,
    coalesce(owned.company_id, concat('name:', owned.contract.accountname)) as company_id,
    -- With the number, by which people find it on the screen.
    concat(owned.contract.contractname, ' (' || nullif(owned.contract.contractnumber, '') || ')') as name,
    owned.contract.contracttype as type_name,
    nullif(owned.contract.billingcycle, '') as billing_cycle,
    try_cast(left(owned.contract.startdate, 10) as date) as starts_on,
    nullif(try_cast(left(owned.contract.enddate, 10) as date), date '0001-01-01') as ends_on,
    last_invoices.found.invoice_id as invoice_id,
    cast(last_invoices.found.invoiced_on as date) as invoiced_on,
    case
        when owned.excluded_reason is not null then owned.excluded_reason
        when owned.company_id is null then 'company_unknown'
        when sources.are_invoices and last_invoices.found.invoice_id is null then 'no_invoice_in_window'
    end as excluded_reason
from owned
cross join sources
left join last_invoices on owned.contract.id = last_invoices.found.contract_id;

insert into core.agreement_types by name
select distinct
    $system as system,
    type_name as type_id,
    type_name as name,
    true as is_active,
    $pull_id as pull_id
from contracts;

insert into core.agreements by name
select
    $system as system,
    contract_id as agreement_id,
    company_id,
    name,
    type_name as type_id,
    type_name,
    billing_cycle,
    lower(type_name) = 'recurring services'
    and lower(coalesce(billing_cycle, 'none')) <> 'none' as is_recurring,
    starts_on,
    ends_on,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from contracts;

create or replace temp table services as
with records as (
    select
        unnest(from_json(body, '{"result": [{"id": "VARCHAR", "name": "VARCHAR"}]}').result) as service,
        page
    from pages
    where stream = 'services'
)

select
    service.id as service_id,
    service.name as name
from records
qualify row_number() over (partition by service.id order by page) = 1;

-- What invoices show: one row per invoice, contract, service, and whether it is prorated.
create or replace temp table invoiced as
with records as (
    select
        parent_id as invoice_id,
        unnest(from_json(body, '{"result": {"lineItems": [{
            "id": "VARCHAR", "contractId": "VARCHAR", "name": "VARCHAR", "typeName": "VARCHAR",
            "qty": "DECIMAL(18,4)", "unitPrice": "DECIMAL(18,4)"
        }]}}').result.lineitems) as item,
        page
    from pages
    where stream = 'invoice_lines'
),

named as (
    select
        name,
        max(service_id) as service_id
    from services
    group by name
    having count(*) = 1
),

items as (
    select
        records.invoice_id,
        nullif(records.item.contractid, '0') as contract_id,
        records.item.name as name,
        coalesce(named.service_id, concat('name:', records.item.name)) as product_id,
        list_contains(rules.proration_types, lower(coalesce(records.item.typename, ''))) as is_prorated,
        records.item.qty as qty,
        records.item.unitprice as unit_price
    from records
    cross join rules
    left join named on records.item.name = named.name
    qualify row_number() over (partition by records.item.id order by records.page, records.invoice_id) = 1
)

select
    invoice_id,
    contract_id,
    product_id,
    is_prorated,
    max(name) as name,
    sum(qty) as qty,
    -- Where units of one service have several prices, that of the most units.
    max_by(unit_price, row(qty, unit_price)) as unit_price
from items
group by invoice_id, contract_id, product_id, is_prorated;

-- The same for the unpublished call: one row per line of a contract.
create or replace temp table called as
with records as (
    select
        parent_id as contract_id,
        unnest(from_json(body, '{"result": [{
            "id": "VARCHAR", "serviceId": "VARCHAR", "serviceName": "VARCHAR", "units": "DECIMAL(18,4)",
            "unitPrice": "DECIMAL(18,4)", "unitCost": "DECIMAL(18,4)", "effectiveDate": "VARCHAR"
        }]}').result) as line,
        page
    from pages
    where stream = 'contract_lines'
)

select
    contract_id,
    line.id as line_id,
    line.serviceid as product_id,
    line.servicename as name,
    line.units as qty,
    line.unitprice as unit_price,
    line.unitcost as unit_cost,
    try_cast(left(line.effectivedate, 10) as date) as effective_on
from records
qualify row_number() over (partition by line.id order by page, contract_id) = 1;

-- Every line that the pages hold, and why it is no count of units, if it is none.
create or replace temp table lines as
select
    invoiced.contract_id,
    case
        when invoiced.invoice_id = contracts.invoice_id and not invoiced.is_prorated
            then concat_ws('/', invoiced.contract_id, invoiced.product_id)
        else concat_ws(
            '/',
            concat('invoice:', invoiced.invoice_id),
            coalesce(invoiced.contract_id, '-'),
            invoiced.product_id,
            case when invoiced.is_prorated then 'prorated' end
        )
    end as line_id,
    invoiced.product_id,
    invoiced.name,
    invoiced.qty,
    invoiced.unit_price,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as date) as effective_on,
    contracts.company_id,
    'last_invoice' as units_from,
    contracts.invoiced_on,
    case
        when invoiced.contract_id is null then 'no_contract'
        when contracts.contract_id is null then 'agreement_unknown'
        when contracts.excluded_reason is not null then 'agreement_excluded'
        when invoiced.is_prorated then 'proration'
        when invoiced.invoice_id <> contracts.invoice_id then 'older_invoice'
    end as reason
from invoiced
left join contracts on invoiced.contract_id = contracts.contract_id

union all

select
    called.contract_id,
    called.line_id,
    called.product_id,
    called.name,
    called.qty,
    called.unit_price,
    called.unit_cost,
    called.effective_on,
    contracts.company_id,
    'assumed_call' as units_from,
    cast(null as date) as invoiced_on,
    case
        when contracts.contract_id is null then 'agreement_unknown'
        when contracts.excluded_reason is not null then 'agreement_excluded'
        when called.effective_on > $on then 'not_effective_yet'
    end as reason
from called
left join contracts on called.contract_id = contracts.contract_id;

insert into core.products by name
select
    $system as system,
    service_id as product_id,
    name,
    cast(null as decimal(18, 4)) as unit_price,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    true as is_active,
    $pull_id as pull_id
from services

union all

-- On invoices, and of no service's name or of two services': a person can still map it.
select distinct
    $system as system,
    lines.product_id,
    lines.name,
    cast(null as decimal(18, 4)) as unit_price,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    true as is_active,
    $pull_id as pull_id
from lines
left join services on lines.product_id = services.service_id
where lines.reason is null and services.service_id is null
qualify row_number() over (partition by lines.product_id order by lines.name) = 1;

insert into core.agreement_lines by name
select
    $system as system,
    lines.line_id,
    lines.contract_id as agreement_id,
    lines.company_id,
    lines.product_id,
    lines.name as description,
    lines.qty,
    0 as qty_included,
    lines.unit_price,
    lines.unit_cost,
    rules.currency,
    lines.effective_on,
    cast(null as date) as ends_on,
    false as is_auto_counted,
    case
        -- Made after the accounts were read, or hidden from the API employee.
        when companies.company_id is null then 'company_unknown'
        when companies.excluded_reason is not null then 'company_excluded'
    end as excluded_reason,
    lines.units_from,
    lines.invoiced_on,
    concat('contracts/', lines.contract_id, '/services/', lines.product_id) as write_key,
    $pull_id as pull_id
from lines
cross join rules
left join core.companies as companies
    on lines.company_id = companies.company_id and companies.pull_id = $pull_id
where lines.reason is null;

insert into core.left_out by name
with invoices as (
    select
        unnest(from_json(body, '{"result": [{
            "id": "VARCHAR", "invoiceNumber": "VARCHAR", "accountId": "VARCHAR"
        }]}').result) as invoice,
        page
    from pages
    where stream = 'invoices'
),

invoice_scope as (
    select unnest(from_json(body, '[{"invoice_id": "VARCHAR", "excluded_reason": "VARCHAR"}]')) as planned
    from pages
    where stream = 'invoice_scope'
),

excluded as (
    select
        'agreement_line' as record_kind,
        line_id as record_id,
        name,
        company_id,
        qty,
        reason
    from lines
    where reason is not null

    union all

    -- Only what somebody might miss: invoices of other accounts and of older months are not news.
    select
        'invoice' as record_kind,
        invoices.invoice.id as record_id,
        invoices.invoice.invoicenumber as name,
        invoices.invoice.accountid as company_id,
        cast(null as decimal(18, 4)) as qty,
        invoice_scope.planned.excluded_reason as reason
    from invoices
    inner join invoice_scope on invoices.invoice.id = invoice_scope.planned.invoice_id
    where invoice_scope.planned.excluded_reason in ('status_not_counted', 'credit_note')
    qualify row_number() over (partition by invoices.invoice.id order by invoices.page) = 1
)

select
    $system as system,
    record_kind,
    record_id,
    name,
    company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    qty,
    reason,
    $pull_id as pull_id
from excluded;

insert into core.control_totals by name
select
    $system as system,
    'agreement_line' as measure,
    (select count(*) from invoiced) + (select count(*) from called) as records,
    coalesce((select sum(qty) from invoiced), 0) + coalesce((select sum(qty) from called), 0) as qty,
    $pull_id as pull_id;
