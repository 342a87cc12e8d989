-- CSV files: landed rows -> accounts, services, usage.
-- Inputs: raw_pages (streams rows, rejected). Parameters: $system, $pull_id, $as_of.
-- Rules: every accepted row counts; a rejected row is listed with its reason.

create or replace temp table file_rows as
select unnest(from_json(body, '[{
        "row_no": "VARCHAR", "account_id": "VARCHAR", "account_name": "VARCHAR",
        "service_key": "VARCHAR", "service_name": "VARCHAR", "quantity": "DECIMAL(18,4)",
        "unit_cost": "DECIMAL(18,4)"
    }]')) as line
from raw_pages
where stream = 'rows';

insert into core.accounts by name
select
    $system as system,
    line.account_id as account_id,
    max(line.account_name) as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    true as is_active,
    cast(null as varchar) as excluded_reason,
    $pull_id as pull_id
from file_rows
group by line.account_id;

insert into core.services by name
select
    $system as system,
    line.service_key as service_id,
    max(line.service_name) as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'unit' as unit,
    true as is_countable,
    $pull_id as pull_id
from file_rows
group by line.service_key;

insert into core.usage by name
select
    $system as system,
    line.account_id as account_id,
    line.service_key as service_id,
    concat('row ', line.row_no) as usage_id,
    line.quantity as qty,
    line.unit_cost as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    $as_of as as_of,
    $pull_id as pull_id
from file_rows;

insert into core.left_out by name
with rejected as (
    select unnest(from_json(body, '[{"row_no": "VARCHAR", "reason": "VARCHAR"}]')) as line
    from raw_pages
    where stream in ('rejected', 'ignored')
)

select
    $system as system,
    'row' as record_kind,
    line.row_no as record_id,
    cast(null as varchar) as name,
    cast(null as varchar) as company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    line.reason as reason,
    $pull_id as pull_id
from rejected;

insert into core.control_totals by name
select
    $system as system,
    'row' as measure,
    count(*) as records,
    coalesce(sum(line.quantity), 0) as qty,
    $pull_id as pull_id
from file_rows;
