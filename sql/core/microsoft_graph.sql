-- Microsoft Graph: landed pages -> accounts (customer tenants), services (a SKU's seats assigned, and
-- bought), usage.
-- Inputs: raw_pages (the pull's landed pages, with the counting rules in force as stream counting_rules).
-- Parameters: $system, $pull_id, $as_of (instant of the pull, UTC).
-- Rules: a SKU counts when it is for users, not free, and in force (Enabled, or Warning: in the days of
-- grace). More seats assigned than bought are counted as they are. A tenant that could not be asked is
-- not ready: its counts are unknown and never zero. Where sellers are read, seats that another partner
-- sold, and trials, are left out; of a SKU that both sold, nobody can tell whose seats are assigned.

create or replace temp table counting_rules as
select
    rules.partner_tenant as partner_tenant,
    rules.free_skus as free_skus,
    rules.free_from_units as free_from_units,
    rules.paid_skus as paid_skus,
    rules.sku_names as sku_names,
    rules.read_sellers as read_sellers
from (
    select unnest(from_json(body, '[{
            "partner_tenant": "VARCHAR", "free_skus": ["VARCHAR"], "free_from_units": "BIGINT",
            "paid_skus": ["VARCHAR"], "sku_names": [{"sku": "VARCHAR", "name": "VARCHAR"}],
            "read_sellers": "BOOLEAN"
        }]')) as rules
    from raw_pages
    where stream = 'counting_rules'
) as landed;

insert into core.accounts by name
with records as (
    select
        unnest(from_json(body, '{"value": [{"tenantId": "VARCHAR", "displayName": "VARCHAR"}]}').value)
            as customer,
        page
    from raw_pages
    where stream = 'customers'
),

asked as (
    select distinct asked_customer.id as tenant_id
    from (
        select unnest(from_json(body, '[{"id": "VARCHAR"}]')) as asked_customer
        from raw_pages
        where stream = 'asked_customers'
    ) as landed
),

refused as (
    select distinct parent_id as tenant_id
    from raw_pages
    where parent_id is not null and status <> 200
),

judged as (
    select
        records.customer,
        case when asked.tenant_id is null or refused.tenant_id is not null then 'not_ready' end
            as excluded_reason
    from records
    left join asked on records.customer.tenantid = asked.tenant_id
    left join refused on records.customer.tenantid = refused.tenant_id
    qualify row_number() over (partition by records.customer.tenantid order by records.page) = 1
)

select
    $system as system,
    customer.tenantid as account_id,
    customer.displayname as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    excluded_reason is null as is_active,
    excluded_reason,
    $pull_id as pull_id
from judged;

create or replace temp table skus as
with records as (
    select
        parent_id as tenant_id,
        unnest(from_json(body, '{"value": [{
            "id": "VARCHAR", "skuId": "VARCHAR", "skuPartNumber": "VARCHAR",
            "capabilityStatus": "VARCHAR", "appliesTo": "VARCHAR", "consumedUnits": "DECIMAL(18,4)",
            "prepaidUnits": {"enabled": "DECIMAL(18,4)", "warning": "DECIMAL(18,4)"}
        }]}').value) as sku,
        page
    from raw_pages
    where stream = 'subscribed_skus' and status = 200
)

select
    records.tenant_id,
    records.sku.id as record_id,
    records.sku.skuid as sku_id,
    upper(records.sku.skupartnumber) as part_number,
    records.sku.consumedunits as assigned,
    records.sku.prepaidunits.enabled + records.sku.prepaidunits.warning as bought,
    case
        when lower(records.sku.appliesto) <> 'user' then 'not_for_users'
        when list_contains(counting_rules.free_skus, upper(records.sku.skupartnumber)) then 'free_sku'
        when
            records.sku.prepaidunits.enabled >= counting_rules.free_from_units
            and not list_contains(counting_rules.paid_skus, upper(records.sku.skupartnumber))
            then 'free_sku'
        when lower(records.sku.capabilitystatus) in ('enabled', 'warning') then null
        when lower(records.sku.capabilitystatus) in ('suspended', 'deleted', 'lockedout')
            then lower(records.sku.capabilitystatus)
        else 'unknown_status'
    end as excluded_reason
from records
cross join counting_rules
qualify row_number() over (partition by records.sku.id order by records.page) = 1;

-- Who sold the seats of a SKU; no rows where sellers are not read.
create or replace temp table sales as
with records as (
    select
        parent_id as tenant_id,
        unnest(from_json(body, '{"value": [{
            "id": "VARCHAR", "skuId": "VARCHAR", "skuPartNumber": "VARCHAR", "status": "VARCHAR",
            "totalLicenses": "DECIMAL(18,4)", "isTrial": "BOOLEAN", "ownerTenantId": "VARCHAR"
        }]}').value) as sale,
        page
    from raw_pages
    where stream = 'directory_subscriptions' and status = 200
)

select
    records.tenant_id,
    records.sale.id as record_id,
    records.sale.skuid as sku_id,
    upper(records.sale.skupartnumber) as part_number,
    records.sale.totallicenses as bought,
    lower(records.sale.status) in ('enabled', 'warning') as is_in_force,
    coalesce(records.sale.istrial, false) as is_trial,
    -- A direct purchase has no owner, or the tenant itself.
    coalesce(lower(records.sale.ownertenantid), '') = counting_rules.partner_tenant as is_ours,
    case
        when lower(records.sale.status) in ('enabled', 'warning') then null
        when lower(records.sale.status) in ('suspended', 'deleted', 'lockedout')
            then lower(records.sale.status)
        else 'unknown_status'
    end as status_reason
from records
cross join counting_rules
qualify row_number() over (partition by records.sale.id order by records.page) = 1;

-- One row per record that could count: seats assigned, and seats bought, with what leaves them out.
create or replace temp table seats as
with listed as (
    select unnest(sku_names) as sku_name
    from counting_rules
),

names as (
    select
        sku_name.sku as part_number,
        sku_name.name as sku_name
    from listed
),

sellers as (
    select
        tenant_id,
        sku_id,
        bool_or(is_ours) as is_any_ours,
        bool_or(is_ours and not is_trial) as is_any_paid
    from sales
    where is_in_force
    group by tenant_id, sku_id
),

found as (
    select
        'assigned' as record_kind,
        skus.record_id,
        skus.tenant_id,
        skus.sku_id as service_id,
        skus.part_number,
        skus.assigned as qty,
        case
            when skus.excluded_reason is not null then skus.excluded_reason
            when not sellers.is_any_ours then 'bought_elsewhere'
            when not sellers.is_any_paid then 'trial'
        end as excluded_reason
    from skus
    left join sellers on skus.tenant_id = sellers.tenant_id and skus.sku_id = sellers.sku_id

    union all

    select
        'purchased' as record_kind,
        skus.record_id,
        skus.tenant_id,
        concat(skus.sku_id, '|purchased') as service_id,
        skus.part_number,
        skus.bought as qty,
        skus.excluded_reason
    from skus
    cross join counting_rules
    where not counting_rules.read_sellers

    union all

    select
        'purchased' as record_kind,
        sales.record_id,
        sales.tenant_id,
        concat(sales.sku_id, '|purchased') as service_id,
        sales.part_number,
        sales.bought as qty,
        case
            when skus.excluded_reason in ('not_for_users', 'free_sku') then skus.excluded_reason
            when list_contains(counting_rules.free_skus, sales.part_number) then 'free_sku'
            when sales.status_reason is not null then sales.status_reason
            when not sales.is_ours then 'bought_elsewhere'
            when sales.is_trial then 'trial'
        end as excluded_reason
    from sales
    cross join counting_rules
    left join skus on sales.tenant_id = skus.tenant_id and sales.sku_id = skus.sku_id
)

select
    found.record_kind,
    found.record_id,
    found.tenant_id,
    found.service_id,
    concat(
        coalesce(names.sku_name, found.part_number),
        case when found.record_kind = 'purchased' then ' (purchased)' else '' end
    ) as name,
    found.qty,
    case
        when accounts.account_id is null then 'account_unknown'
        when accounts.excluded_reason is not null then accounts.excluded_reason
        else found.excluded_reason
    end as excluded_reason
from found
left join core.accounts as accounts
    on found.tenant_id = accounts.account_id and accounts.pull_id = $pull_id
left join names on found.part_number = names.part_number;

insert into core.services by name
select
    $system as system,
    service_id,
    max(name) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'seat' as unit,
    true as is_countable,
    $pull_id as pull_id
from seats
group by service_id;

insert into core.usage by name
select
    $system as system,
    tenant_id as account_id,
    service_id,
    record_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from seats
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    record_kind,
    record_id,
    name,
    cast(null as varchar) as company_id,
    tenant_id as account_id,
    service_id,
    qty,
    excluded_reason as reason,
    $pull_id as pull_id
from seats
where excluded_reason is not null;

insert into core.control_totals by name
with raw_counts as (
    select
        sku_id as service_id,
        assigned as qty
    from skus

    union all

    select
        concat(skus.sku_id, '|purchased') as service_id,
        skus.bought as qty
    from skus
    cross join counting_rules
    where not counting_rules.read_sellers

    union all

    select
        concat(sku_id, '|purchased') as service_id,
        bought as qty
    from sales
)

select
    $system as system,
    concat('usage:', service_id) as measure,
    count(*) as records,
    sum(qty) as qty,
    $pull_id as pull_id
from raw_counts
group by service_id;
