-- HaloPSA: landed pages -> companies, agreements (recurring invoices), agreement lines, products.
-- Inputs: raw_pages (the pull's landed pages). Parameters: $system, $pull_id.
-- Rules, landed with the pull (stream counting_rules): a client counts unless it is inactive or was named as
-- internal; a recurring invoice when it is not disabled, its dates hold the day, and something is
-- scheduled; a line when it is active, recurs, its dates hold the day (or it renews itself), it stands for an
-- item, is no meter, and is not the other half of a bundle. Ids may be negative; days before 1950 stand for
-- no day. A page is an object with a list, or the bare list.

create or replace temp table counting as
with landed as (
    select unnest(from_json(body, '[{
        "day": "VARCHAR", "currency": "VARCHAR", "internal_client_ids": ["VARCHAR"], "count_bundles": "VARCHAR"
    }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
)

select
    cast(rules.day as date) as day,
    rules.currency,
    rules.internal_client_ids,
    rules.count_bundles
from landed;

insert into core.companies by name
with records as (
    select
        unnest(from_json(
            coalesce(json_extract(body, '$.clients'), cast(body as json)),
            '[{"id": "VARCHAR", "name": "VARCHAR", "inactive": "BOOLEAN"}]'
        )) as client,
        page
    from raw_pages
    where stream = 'clients'
),

clients as (
    select
        records.client,
        case
            when records.client.inactive then 'inactive'
            when list_contains(counting.internal_client_ids, records.client.id) then 'internal_client'
        end as excluded_reason
    from records
    cross join counting
    qualify row_number() over (partition by records.client.id order by records.page) = 1
)

select
    $system as system,
    client.id as company_id,
    client.name as name,
    -- What Halo calls the top level is a group of clients, not one of them.
    cast(null as varchar) as parent_company_id,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from clients;

insert into core.products by name
with records as (
    select
        unnest(from_json(
            coalesce(json_extract(body, '$.items'), cast(body as json)),
            '[{
                "id": "VARCHAR", "name": "VARCHAR", "baseprice": "DECIMAL(18,4)",
                "costprice": "DECIMAL(18,4)", "recurringprice": "DECIMAL(18,4)",
                "recurringcost": "DECIMAL(18,4)"
            }]'
        )) as item,
        page
    from raw_pages
    where stream = 'items'
)

select
    $system as system,
    records.item.id as product_id,
    records.item.name as name,
    coalesce(nullif(records.item.recurringprice, 0), records.item.baseprice) as unit_price,
    coalesce(nullif(records.item.recurringcost, 0), records.item.costprice) as unit_cost,
    counting.currency as currency,
    -- The status of an item is a number whose meaning is not published.
    true as is_active,
    $pull_id as pull_id
from records
cross join counting
qualify row_number() over (partition by records.item.id order by records.page) = 1;

create or replace temp table contracts as
with records as (
    select
        unnest(from_json(
            coalesce(json_extract(body, '$.contracts'), cast(body as json)),
            '[{"id": "VARCHAR", "ref": "VARCHAR", "contracttype": "VARCHAR", "contracttype_name": "VARCHAR"}]'
        )) as contract,
        page
    from raw_pages
    where stream = 'contracts'
)

select
    contract.id as contract_id,
    nullif(trim(contract.ref), '') as ref,
    contract.contracttype as type_id,
    coalesce(
        nullif(trim(contract.contracttype_name), ''), concat('Contract type ', contract.contracttype)
    ) as type_name
from records
qualify row_number() over (partition by contract.id order by page) = 1;

insert into core.agreement_types by name
select
    $system as system,
    type_id,
    max(type_name) as name,
    true as is_active,
    $pull_id as pull_id
from contracts
where type_id is not null
group by type_id;

create or replace temp table invoices as
with records as (
    select
        unnest(from_json(
            coalesce(json_extract(body, '$.invoices'), cast(body as json)),
            '[{
                "id": "VARCHAR", "client_id": "VARCHAR", "contract_id": "VARCHAR", "contract_ref": "VARCHAR",
                "is_recurring_invoice": "BOOLEAN", "disabled": "BOOLEAN", "startdate": "VARCHAR",
                "enddate": "VARCHAR", "nextcreationdate": "VARCHAR", "period": "BIGINT",
                "periodname": "VARCHAR", "contains_calculated_quantity": "BOOLEAN", "lines": [{
                    "id": "VARCHAR", "_itemid": "BIGINT", "item_shortdescription": "VARCHAR",
                    "qty_order": "DECIMAL(18,4)", "unit_price": "DECIMAL(18,4)",
                    "unit_cost": "DECIMAL(18,4)", "isinactive": "BOOLEAN", "isgroupdesc": "BOOLEAN",
                    "onetimecharge": "BOOLEAN", "startdate": "VARCHAR", "enddate": "VARCHAR",
                    "autorenew": "BOOLEAN", "is_meter": "BOOLEAN", "group_id": "BIGINT",
                    "is_bundled_line": "BOOLEAN", "recurring_invoice_quantity_type": "BIGINT",
                    "_is_calculated_line": "BOOLEAN", "quantity_licences": ["JSON"],
                    "quantity_subscriptions": ["JSON"], "quantity_users": ["JSON"],
                    "quantity_assets": ["JSON"]
                }]
            }]'
        )) as invoice,
        page
    from raw_pages
    where stream = 'recurring_invoices'
),

days as (
    select
        invoice,
        try_cast(left(invoice.startdate, 10) as date) as starts_on,
        try_cast(left(invoice.enddate, 10) as date) as ends_on,
        try_cast(left(invoice.nextcreationdate, 10) as date) as next_on
    from records
    qualify row_number() over (partition by invoice.id order by page) = 1
),

dated as (
    select
        invoice,
        case when year(starts_on) >= 1950 then starts_on end as starts_on,
        case when year(ends_on) >= 1950 then ends_on end as ends_on,
        case when year(next_on) >= 1950 then next_on end as next_on,
        nullif(trim(invoice.periodname), '') as period_name
    from days
)

select
    dated.invoice.id as agreement_id,
    dated.invoice.client_id as company_id,
    coalesce(
        nullif(trim(dated.invoice.contract_ref), ''),
        contracts.ref,
        concat('Recurring invoice ', trim(dated.invoice.id, '-'))
    ) as name,
    contracts.type_id as type_id,
    contracts.type_name as type_name,
    dated.period_name as billing_cycle,
    dated.next_on >= counting.day or coalesce(dated.invoice.period, 0) <> 0 or dated.period_name is not null
        as is_scheduled,
    dated.starts_on as starts_on,
    dated.ends_on as ends_on,
    dated.invoice.contains_calculated_quantity as has_calculated_lines,
    dated.invoice.lines as lines,
    case
        when not coalesce(dated.invoice.is_recurring_invoice, true) then 'not_recurring'
        when dated.invoice.disabled then 'disabled'
        when dated.starts_on > counting.day then 'not_started'
        when dated.ends_on < counting.day then 'ended'
        when not coalesce(is_scheduled, false) then 'no_schedule'
    end as excluded_reason
from dated
cross join counting
left join contracts on dated.invoice.contract_id = contracts.contract_id;

insert into core.agreements by name
select
    $system as system,
    agreement_id,
    company_id,
    name,
    type_id,
    type_name,
    billing_cycle,
    coalesce(is_scheduled, false) as is_recurring,
    starts_on,
    ends_on,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from invoices;

-- Every line of every recurring invoice, with the first reason why it does not count.
create or replace temp table invoice_lines as
with records as (
    select
        agreement_id,
        unnest(lines) as line
    from invoices
),

days as (
    select
        agreement_id,
        line,
        try_cast(left(line.startdate, 10) as date) as starts_on,
        try_cast(left(line.enddate, 10) as date) as ends_on,
        coalesce(line.group_id, 0) as group_id,
        coalesce(line.is_bundled_line, false) as is_bundled,
        coalesce(line.isinactive, false) as is_inactive,
        coalesce(line.isgroupdesc, false) as is_heading,
        coalesce(line._is_calculated_line, false)
        or coalesce(line.recurring_invoice_quantity_type, 0) <> 0
        or len(coalesce(line.quantity_licences, [])) > 0
        or len(coalesce(line.quantity_subscriptions, [])) > 0
        or len(coalesce(line.quantity_users, [])) > 0
        or len(coalesce(line.quantity_assets, [])) > 0 as is_calculated
    from records
),

grouped as (
    select
        agreement_id,
        line,
        case when year(starts_on) >= 1950 then starts_on end as starts_on,
        case when year(ends_on) >= 1950 then ends_on end as ends_on,
        group_id,
        is_bundled,
        is_inactive,
        is_heading,
        is_calculated,
        bool_or(is_calculated) over (partition by agreement_id) as is_calculated_line_known,
        bool_or(is_bundled and not is_inactive) over (partition by agreement_id, group_id) as has_children,
        bool_or(not is_bundled and not is_inactive and not is_heading)
            over (partition by agreement_id, group_id) as has_parent
    from days
)

select
    grouped.line.id as line_id,
    grouped.agreement_id as agreement_id,
    invoices.company_id as company_id,
    cast(case when grouped.line._itemid > 0 then grouped.line._itemid end as varchar) as product_id,
    nullif(trim(grouped.line.item_shortdescription), '') as description,
    -- A heading need not hold a quantity.
    coalesce(grouped.line.qty_order, 0) as qty,
    grouped.line.unit_price as unit_price,
    grouped.line.unit_cost as unit_cost,
    grouped.starts_on as effective_on,
    grouped.ends_on as ends_on,
    -- An invoice may say that it has such a line without telling which: then any of them may be it.
    grouped.is_calculated
    or (coalesce(invoices.has_calculated_lines, false) and not grouped.is_calculated_line_known)
        as is_auto_counted,
    invoices.excluded_reason is null as is_on_agreement,
    case
        when invoices.excluded_reason is not null then 'agreement_excluded'
        -- Made after the clients were read, or hidden from the agent.
        when companies.company_id is null then 'company_unknown'
        when companies.excluded_reason is not null then 'company_excluded'
        when grouped.is_inactive then 'inactive_line'
        when grouped.is_heading then 'heading'
        when grouped.line.onetimecharge then 'one_time'
        when grouped.starts_on > counting.day then 'not_started'
        when grouped.ends_on < counting.day and not coalesce(grouped.line.autorenew, false) then 'ended'
        when grouped.line.is_meter then 'meter'
        when coalesce(grouped.line._itemid, 0) <= 0 then 'no_item'
        when
            counting.count_bundles = 'children' and grouped.group_id <> 0
            and not grouped.is_bundled and grouped.has_children
            then 'bundle_parent'
        when
            counting.count_bundles = 'parent' and grouped.group_id <> 0
            and grouped.is_bundled and grouped.has_parent
            then 'bundle_child'
    end as excluded_reason
from grouped
inner join invoices on grouped.agreement_id = invoices.agreement_id
cross join counting
left join core.companies as companies
    on invoices.company_id = companies.company_id and companies.pull_id = $pull_id;

insert into core.agreement_lines by name
select
    $system as system,
    invoice_lines.line_id as line_id,
    invoice_lines.agreement_id as agreement_id,
    invoice_lines.company_id as company_id,
    invoice_lines.product_id as product_id,
    coalesce(invoice_lines.description, products.name) as description,
    invoice_lines.qty as qty,
    0 as qty_included,
    invoice_lines.unit_price as unit_price,
    invoice_lines.unit_cost as unit_cost,
    counting.currency as currency,
    invoice_lines.effective_on as effective_on,
    invoice_lines.ends_on as ends_on,
    invoice_lines.is_auto_counted as is_auto_counted,
    invoice_lines.excluded_reason as excluded_reason,
    'agreement' as units_from,
    cast(null as date) as invoiced_on,
    concat('recurring_invoices/', invoice_lines.agreement_id, '/lines/', invoice_lines.line_id) as write_key,
    $pull_id as pull_id
from invoice_lines
cross join counting
left join core.products as products
    on invoice_lines.product_id = products.product_id and products.pull_id = $pull_id
where invoice_lines.is_on_agreement and invoice_lines.product_id is not null;

insert into core.left_out by name
select
    $system as system,
    'agreement_line' as record_kind,
    line_id as record_id,
    description as name,
    company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from invoice_lines
where excluded_reason is not null and not (is_on_agreement and product_id is not null);

insert into core.control_totals by name
select
    $system as system,
    'agreement_line' as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from invoice_lines;
