-- Pushed counts: an inbox's standing for a month -> accounts, services, usage.
-- Inputs: raw_pages (streams counts, accounts, services, rejected). Parameters: $system, $pull_id.
-- Rules: every count of the month counts, as old as its push; a zero comes only from a full snapshot or
-- a whole run, and says so; a pair that only earlier months counted is unknown and listed.

create or replace temp table pushed_counts as
select unnest(from_json(body, '[{
        "pair": "VARCHAR", "account_id": "VARCHAR", "service_id": "VARCHAR",
        "quantity": "DECIMAL(18,4)", "as_of": "VARCHAR", "basis": "VARCHAR",
        "batch_id": "VARCHAR", "row_no": "INTEGER"
    }]')) as line
from raw_pages
where stream = 'counts';

create or replace temp table rejected_counts as
select unnest(from_json(body, '[{
        "pair": "VARCHAR", "account_id": "VARCHAR", "service_id": "VARCHAR", "reason": "VARCHAR"
    }]')) as line
from raw_pages
where stream = 'rejected';

insert into core.accounts by name
with accounts as (
    select unnest(from_json(body, '[{
            "account_id": "VARCHAR", "name": "VARCHAR", "excluded_reason": "VARCHAR"
        }]')) as line
    from raw_pages
    where stream = 'accounts'
)

select
    $system as system,
    line.account_id as account_id,
    line.name as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    true as is_active,
    line.excluded_reason as excluded_reason,
    $pull_id as pull_id
from accounts;

insert into core.services by name
with services as (
    select unnest(from_json(body, '[{
            "service_id": "VARCHAR", "name": "VARCHAR", "unit": "VARCHAR", "is_absence_unknown": "BOOLEAN"
        }]')) as line
    from raw_pages
    where stream = 'services'
)

select
    $system as system,
    line.service_id as service_id,
    line.name as name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    line.unit as unit,
    true as is_countable,
    line.is_absence_unknown as is_absence_unknown,
    $pull_id as pull_id
from services;

insert into core.usage by name
select
    $system as system,
    line.account_id as account_id,
    line.service_id as service_id,
    case
        when line.basis in ('absent_in_snapshot', 'absent_in_run') then concat(line.basis, ' ', line.batch_id)
        else concat(line.batch_id, ' row ', line.row_no)
    end as usage_id,
    line.quantity as qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    cast(cast(line.as_of as timestamptz) at time zone 'UTC' as timestamp) as as_of,
    $pull_id as pull_id
from pushed_counts;

-- Counts that are not what a script sent for this month: kept ones stay in usage, and are listed here too.
insert into core.left_out by name
select
    $system as system,
    'count' as record_kind,
    line.pair as record_id,
    cast(null as varchar) as name,
    cast(null as varchar) as company_id,
    line.account_id as account_id,
    line.service_id as service_id,
    cast(null as decimal(18, 4)) as qty,
    line.reason as reason,
    $pull_id as pull_id
from rejected_counts

union all

select
    $system as system,
    'absent_count' as record_kind,
    line.pair as record_id,
    cast(null as varchar) as name,
    cast(null as varchar) as company_id,
    line.account_id as account_id,
    line.service_id as service_id,
    -- The pair has its count, 0 or the last one: no unit is left out, this only says how it is known.
    cast(0 as decimal(18, 4)) as qty,
    line.basis as reason,
    $pull_id as pull_id
from pushed_counts
where line.basis <> 'pushed';

insert into core.control_totals by name
with landed as (
    select
        line.pair as pair,
        line.quantity as qty
    from pushed_counts

    union all

    select
        line.pair as pair,
        cast(0 as decimal(18, 4)) as qty
    from rejected_counts
)

select
    $system as system,
    'count' as measure,
    count(distinct pair) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from landed;
