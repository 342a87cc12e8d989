-- Autotask PSA: landed pages -> companies, agreements, agreement lines, products.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id.
-- Rules, landed with the pull (stream counting_rules): a company counts when its type is a customer's and it
-- is active; a contract when it is a recurring service contract, active, and its dates hold the day that
-- counts; a line when the row of units that holds that day, the last one begun, has more than 0 units. Rows
-- of units are successive totals: they are never added up. Lines of contracts that do not count arrive too,
-- because whole lists are read: they are left out by name.

create or replace temp table counting as
with landed as (
    select unnest(from_json(body, '[{
        "day": "VARCHAR", "customer_types": ["VARCHAR"], "active_statuses": ["VARCHAR"], "currency": "VARCHAR"
    }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
)

select
    cast(rules.day as date) as day,
    rules.customer_types,
    rules.active_statuses,
    rules.currency
from landed;

insert into core.companies by name
with records as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "companyName": "VARCHAR", "companyType": "VARCHAR", "isActive": "BOOLEAN",
            "parentCompanyID": "VARCHAR"
        }]}').items) as company,
        page
    from raw_pages
    where stream = 'companies'
),

companies as (
    select
        records.company,
        case
            when not list_contains(counting.customer_types, records.company.companytype) then 'not_a_customer'
            when not records.company.isactive then 'inactive'
        end as excluded_reason
    from records
    cross join counting
    qualify row_number() over (partition by records.company.id order by records.page) = 1
)

select
    $system as system,
    company.id as company_id,
    company.companyname as name,
    company.parentcompanyid as parent_company_id,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from companies;

insert into core.products by name
with services as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "name": "VARCHAR", "isActive": "BOOLEAN", "unitPrice": "DECIMAL(18,4)",
            "unitCost": "DECIMAL(18,4)"
        }]}').items) as product,
        page,
        case stream when 'service_bundles' then 'bundle:' else '' end as prefix
    from raw_pages
    where stream in ('services', 'service_bundles')
)

select
    $system as system,
    concat(services.prefix, services.product.id) as product_id,
    services.product.name as name,
    services.product.unitprice as unit_price,
    services.product.unitcost as unit_cost,
    counting.currency as currency,
    coalesce(services.product.isactive, true) as is_active,
    $pull_id as pull_id
from services
cross join counting
qualify row_number() over (partition by services.prefix, services.product.id order by services.page) = 1;

create or replace temp table contracts as
with records as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "companyID": "VARCHAR", "contractName": "VARCHAR", "contractType": "VARCHAR",
            "status": "VARCHAR", "startDate": "VARCHAR", "endDate": "VARCHAR"
        }]}').items) as contract,
        page
    from raw_pages
    where stream = 'contracts'
),

dated as (
    select
        contract,
        -- The year 1 stands for no date.
        try_cast(nullif(left(contract.startdate, 10), '0001-01-01') as date) as starts_on,
        try_cast(nullif(left(contract.enddate, 10), '0001-01-01') as date) as ends_on
    from records
    qualify row_number() over (partition by contract.id order by page) = 1
)

select
    dated.contract.id as agreement_id,
    dated.contract.companyid as company_id,
    dated.contract.contractname as name,
    dated.contract.contracttype as type_id,
    case dated.contract.contracttype
        when '7' then 'Recurring Service'
        else concat('Contract type ', dated.contract.contracttype)
    end as type_name,
    dated.starts_on as starts_on,
    dated.ends_on as ends_on,
    case
        when dated.contract.contracttype <> '7' then 'not_recurring_service'
        when not list_contains(counting.active_statuses, dated.contract.status) then 'not_active'
        when dated.starts_on > counting.day then 'not_started'
        when dated.ends_on < counting.day then 'ended'
    end as excluded_reason
from dated
cross join counting;

insert into core.agreement_types by name
select
    $system as system,
    type_id,
    max(type_name) as name,
    true as is_active,
    $pull_id as pull_id
from contracts
group by type_id;

insert into core.agreements by name
select
    $system as system,
    agreement_id,
    company_id,
    name,
    type_id,
    type_name,
    -- Period types are numbers whose names every tenant chooses; they are not read.
    cast(null as varchar) as billing_cycle,
    type_id = '7' as is_recurring,
    starts_on,
    ends_on,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from contracts;

-- Every line, with the units of the day that counts; null where no row of units holds that day.
create or replace temp table contract_lines as
with services as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "contractID": "VARCHAR", "serviceID": "VARCHAR",
            "invoiceDescription": "VARCHAR", "unitPrice": "DECIMAL(18,4)", "unitCost": "DECIMAL(18,4)",
            "internalCurrencyUnitPrice": "DECIMAL(18,4)", "internalCurrencyAdjustedPrice": "DECIMAL(18,4)"
        }]}').items) as line,
        page
    from raw_pages
    where stream = 'contract_services'
),

bundles as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "VARCHAR", "contractID": "VARCHAR", "serviceBundleID": "VARCHAR",
            "invoiceDescription": "VARCHAR", "unitPrice": "DECIMAL(18,4)",
            "internalCurrencyUnitPrice": "DECIMAL(18,4)", "internalCurrencyAdjustedPrice": "DECIMAL(18,4)"
        }]}').items) as line,
        page
    from raw_pages
    where stream = 'contract_service_bundles'
),

lines as (
    select
        line.id as line_id,
        line.contractid as agreement_id,
        line.serviceid as product_id,
        nullif(trim(line.invoicedescription), '') as description,
        -- In the provider's own currency, as amounts of all customers are put side by side.
        coalesce(line.internalcurrencyadjustedprice, line.internalcurrencyunitprice, line.unitprice)
            as unit_price,
        line.unitcost as unit_cost,
        concat('contracts/', line.contractid, '/services/', line.id) as write_key
    from services
    qualify row_number() over (partition by line.id order by page) = 1

    union all

    select
        concat('bundle:', line.id) as line_id,
        line.contractid as agreement_id,
        concat('bundle:', line.servicebundleid) as product_id,
        nullif(trim(line.invoicedescription), '') as description,
        coalesce(line.internalcurrencyadjustedprice, line.internalcurrencyunitprice, line.unitprice)
            as unit_price,
        cast(null as decimal(18, 4)) as unit_cost,
        concat('contracts/', line.contractid, '/bundles/', line.id) as write_key
    from bundles
    qualify row_number() over (partition by line.id order by page) = 1
),

unit_rows as (
    select
        unnest(from_json(body, '{"items": [{
            "id": "BIGINT", "contractID": "VARCHAR", "contractServiceID": "VARCHAR",
            "contractServiceBundleID": "VARCHAR", "units": "DECIMAL(18,4)", "startDate": "VARCHAR",
            "endDate": "VARCHAR"
        }]}').items) as unit_row,
        stream
    from raw_pages
    where stream in ('contract_service_units', 'contract_service_bundle_units')
),

dated as (
    select
        case stream
            when 'contract_service_units' then unit_row.contractserviceid
            else concat('bundle:', unit_row.contractservicebundleid)
        end as line_id,
        unit_row.contractid as agreement_id,
        unit_row.units as units,
        unit_row.id as row_id,
        try_cast(left(unit_row.startdate, 10) as date) as starts_on,
        try_cast(left(unit_row.enddate, 10) as date) as ends_on
    from unit_rows
),

-- An adjustment ends the running row on its own first day, so two rows may hold that day.
counted as (
    select
        dated.line_id,
        dated.agreement_id,
        dated.units,
        dated.starts_on
    from dated
    inner join counting on dated.starts_on <= counting.day and dated.ends_on >= counting.day
    qualify row_number() over (
        partition by dated.line_id order by dated.starts_on desc, dated.row_id desc
    ) = 1
)

select
    coalesce(lines.line_id, counted.line_id) as line_id,
    coalesce(lines.agreement_id, counted.agreement_id) as agreement_id,
    lines.product_id as product_id,
    lines.description as description,
    lines.unit_price as unit_price,
    lines.unit_cost as unit_cost,
    lines.write_key as write_key,
    counted.units as units,
    counted.starts_on as effective_on
from lines
full outer join counted on lines.line_id = counted.line_id;

insert into core.agreement_lines by name
select
    $system as system,
    contract_lines.line_id as line_id,
    contract_lines.agreement_id as agreement_id,
    contracts.company_id as company_id,
    contract_lines.product_id as product_id,
    coalesce(contract_lines.description, products.name) as description,
    coalesce(contract_lines.units, 0) as qty,
    0 as qty_included,
    contract_lines.unit_price as unit_price,
    contract_lines.unit_cost as unit_cost,
    counting.currency as currency,
    contract_lines.effective_on as effective_on,
    cast(null as date) as ends_on,
    false as is_auto_counted,
    case
        -- Made after the companies were read, or hidden from the API user.
        when companies.company_id is null then 'company_unknown'
        when companies.excluded_reason is not null then 'company_excluded'
        when contract_lines.units is null then 'no_units_on_day'
        when contract_lines.units = 0 then 'zero_units'
    end as excluded_reason,
    'agreement' as units_from,
    cast(null as date) as invoiced_on,
    contract_lines.write_key as write_key,
    $pull_id as pull_id
from contract_lines
inner join contracts on contract_lines.agreement_id = contracts.agreement_id
cross join counting
left join core.companies as companies
    on contracts.company_id = companies.company_id and companies.pull_id = $pull_id
left join core.products as products
    on contract_lines.product_id = products.product_id and products.pull_id = $pull_id
where contracts.excluded_reason is null and contract_lines.product_id is not null;

insert into core.left_out by name
select
    $system as system,
    'agreement_line' as record_kind,
    contract_lines.line_id as record_id,
    contract_lines.description as name,
    contracts.company_id as company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    coalesce(contract_lines.units, 0) as qty,
    case
        when contracts.agreement_id is null then 'agreement_unknown'
        when contracts.excluded_reason is not null then 'agreement_excluded'
        -- Units without their line: it was made or deleted while the lists were read.
        else 'line_unknown'
    end as reason,
    $pull_id as pull_id
from contract_lines
left join contracts on contract_lines.agreement_id = contracts.agreement_id
where
    contracts.agreement_id is null
    or contracts.excluded_reason is not null
    or contract_lines.product_id is null;

insert into core.control_totals by name
select
    $system as system,
    'agreement_line' as measure,
    count(*) as records,
    coalesce(sum(units), 0) as qty,
    $pull_id as pull_id
from contract_lines;
