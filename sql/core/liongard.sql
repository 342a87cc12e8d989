-- Liongard: landed pages -> accounts (environments), services (metrics), usage (a metric's value on a
-- system), entities (the system and its latest inspection).
-- Inputs: raw_pages (environments, the chosen metrics as counted_metrics, the systems as asked_systems
-- with the reason where they are not asked, metric_values).
-- Parameters: $system, $pull_id, $period (YYYY-MM), $as_of (instant of the pull, UTC).
-- Rules: a value counts when it is a number >= 0, or a text that is nothing but one. Everything else,
-- and a metric whose inspector doesn't look at an environment, is unknown: left out without a quantity.

create or replace temp table metrics as
with records as (
    select unnest(from_json(body, '[{
            "id": "VARCHAR", "metric_id": "VARCHAR", "name": "VARCHAR", "inspector_id": "VARCHAR",
            "reason": "VARCHAR"
        }]')) as metric
    from raw_pages
    where stream = 'counted_metrics'
)

select distinct
    metric.id as uuid,
    metric.metric_id,
    metric.name,
    metric.inspector_id,
    metric.reason
from records;

create or replace temp table systems as
with records as (
    select unnest(from_json(body, '[{
            "id": "VARCHAR", "environment_id": "VARCHAR", "inspector_id": "VARCHAR",
            "inspector_name": "VARCHAR", "name": "VARCHAR", "frequency_days": "DOUBLE", "reason": "VARCHAR"
        }]')) as asked
    from raw_pages
    where stream = 'asked_systems'
)

select
    asked.id as system_id,
    asked.environment_id,
    asked.inspector_id,
    asked.inspector_name,
    asked.name,
    asked.frequency_days,
    asked.reason
from records;

-- Answers are objects by system id, or lists of such objects; inside, the metrics by id or UUID.
create or replace temp table answered as
with answers as (
    select
        unnest(
            case
                when json_type(body) = 'ARRAY' then from_json(body, '["MAP(VARCHAR, JSON)"]')
                else [from_json(body, '"MAP(VARCHAR, JSON)"')]
            end
        ) as answer,
        page
    from raw_pages
    where stream = 'metric_values'
),

by_system as (
    select
        unnest(map_entries(answer)) as entry,
        page
    from answers
),

by_metric as (
    select
        entry.key as system_id,
        unnest(map_entries(from_json(entry.value, '"MAP(VARCHAR, JSON)"'))) as evaluation,
        page
    from by_system
    where json_type(entry.value) = 'OBJECT'
)

select
    system_id,
    lower(evaluation.key) as metric_key,
    nullif(evaluation.value ->> '$.Metric.err', '') as error,
    json_type(evaluation.value, '$.Metric.value') as value_type,
    trim(evaluation.value ->> '$.Metric.value') as value_text,
    try_cast(replace(evaluation.value ->> '$.TimelineFinishedAt', '/', '-') as timestamp) as finished_at
from by_metric
qualify row_number() over (partition by system_id, evaluation.key order by page) = 1;

-- One row per system that is asked and metric of its inspector: each has to end somewhere.
create or replace temp table pairs as
with met as (
    select
        systems.system_id,
        systems.environment_id,
        systems.name,
        systems.inspector_name,
        metrics.uuid,
        answered.error,
        answered.value_type,
        answered.finished_at,
        answered.system_id is not null as is_answered,
        answered.value_type = 'VARCHAR' as is_text,
        case
            when
                answered.error is null
                and regexp_full_match(answered.value_text, '-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?')
                then try_cast(cast(answered.value_text as double) as decimal(18, 4))
        end as number,
        answered.finished_at < cast(concat($period, '-01') as timestamp)
        or answered.finished_at < $as_of - to_seconds(cast(2 * 86400 * systems.frequency_days as bigint))
            as is_stale
    from systems
    inner join metrics on systems.inspector_id = metrics.inspector_id
    left join answered
        on systems.system_id = answered.system_id and answered.metric_key in (metrics.metric_id, metrics.uuid)
    where systems.reason is null and metrics.reason is null
)

select
    system_id,
    environment_id,
    uuid,
    name,
    finished_at,
    case when number >= 0 and number < 1000000000 then number end as qty,
    concat(
        inspector_name,
        case when is_text then ', number written as text' else '' end,
        case when is_stale then ', inspected too long ago' else '' end
    ) as kind,
    case
        when number >= 0 and number < 1000000000 then null
        when not is_answered then 'not_evaluated'
        when error is not null then 'evaluation_failed'
        when value_type is null or value_type = 'NULL' then 'no_value'
        else 'not_a_count'
    end as excluded_reason
from met;

insert into core.accounts by name
with records as (
    select
        unnest(case
            when json_type(body) = 'ARRAY' then from_json(body, '[{
                "ID": "VARCHAR", "Name": "VARCHAR", "Status": "VARCHAR"
            }]')
            else from_json(body, '{"Data": [{
                "ID": "VARCHAR", "Name": "VARCHAR", "Status": "VARCHAR"
            }]}').data
        end) as environment,
        page
    from raw_pages
    where stream = 'environments'
)

select
    $system as system,
    environment.id as account_id,
    environment.name as name,
    cast(null as varchar) as parent_account_id,
    cast(null as varchar) as domain,
    environment.status = '1' as is_active,
    case when environment.status <> '1' then 'inactive' end as excluded_reason,
    $pull_id as pull_id
from records
qualify row_number() over (partition by environment.id order by page) = 1;

insert into core.services by name
select
    $system as system,
    uuid as service_id,
    name,
    cast(null as varchar) as billing_term,
    cast(null as varchar) as commitment_term,
    'unit' as unit,
    -- A metric that is hidden or renamed keeps its mapping and has no count: that is not zero.
    reason is null as is_countable,
    $pull_id as pull_id
from metrics;

insert into core.entities by name
select
    $system as system,
    environment_id as account_id,
    uuid as service_id,
    system_id as entity_id,
    coalesce(name, system_id) as name,
    kind,
    cast(null as varchar) as serial,
    cast(null as varchar) as domain,
    finished_at as last_seen_at,
    $pull_id as pull_id
from pairs
where excluded_reason is null
order by account_id;

insert into core.usage by name
select
    $system as system,
    environment_id as account_id,
    uuid as service_id,
    system_id as usage_id,
    qty,
    cast(null as decimal(18, 4)) as unit_cost,
    cast(null as varchar) as currency,
    cast(null as date) as commitment_ends_on,
    coalesce(finished_at, $as_of) as as_of,
    $pull_id as pull_id
from pairs
where excluded_reason is null;

insert into core.left_out by name
select
    $system as system,
    'metric' as record_kind,
    uuid as record_id,
    name,
    cast(null as varchar) as company_id,
    cast(null as varchar) as account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    reason,
    $pull_id as pull_id
from metrics
where reason is not null

union all

select
    $system as system,
    'system' as record_kind,
    system_id as record_id,
    name,
    cast(null as varchar) as company_id,
    environment_id as account_id,
    cast(null as varchar) as service_id,
    cast(null as decimal(18, 4)) as qty,
    reason,
    $pull_id as pull_id
from systems
where reason is not null

union all

select
    $system as system,
    'metric_value' as record_kind,
    concat(system_id, '/', uuid) as record_id,
    name,
    cast(null as varchar) as company_id,
    environment_id as account_id,
    uuid as service_id,
    cast(null as decimal(18, 4)) as qty,
    excluded_reason as reason,
    $pull_id as pull_id
from pairs
where excluded_reason is not null

union all

-- Nobody looks: the environment may well have units, so an invoiced line must not meet a zero.
select
    $system as system,
    'environment_metric' as record_kind,
    concat(accounts.account_id, '/', metrics.uuid) as record_id,
    accounts.name,
    cast(null as varchar) as company_id,
    accounts.account_id,
    metrics.uuid as service_id,
    cast(null as decimal(18, 4)) as qty,
    'not_inspected' as reason,
    $pull_id as pull_id
from core.accounts as accounts
cross join metrics
anti join pairs on accounts.account_id = pairs.environment_id and metrics.uuid = pairs.uuid
where accounts.pull_id = $pull_id and accounts.excluded_reason is null and metrics.reason is null;

insert into core.control_totals by name
select
    $system as system,
    'metric_value' as measure,
    count(*) as records,
    coalesce(sum(qty), 0) as qty,
    $pull_id as pull_id
from pairs;
