-- Grain: one row per record that is left out, with its reason. Key: period, system, record_kind, record_id.
-- Inputs: core.left_out (each system's own rules), map.* (what people excluded). Parameter: $period.

with pulls as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

service_states as (
    select
        services.system,
        services.service_id,
        max(services.service_name) as service_name,
        max(case when services.state = 'excluded' then 1 else 0 end) = 1 as is_excluded,
        max(case when services.state = 'mapped' and services.leg = 'usage' then 1 else 0 end) = 1
            as is_counted,
        max(case when services.state = 'mapped' and services.leg <> 'usage' then services.leg end)
            as other_leg
    from map.services as services
    where services.period = $period
    group by services.system, services.service_id
),

excluded_services as (
    select
        service_states.system,
        service_states.service_id,
        service_states.service_name,
        case
            when service_states.is_excluded then 'excluded_by_mapping'
            else concat('leg_', service_states.other_leg)
        end as reason
    from service_states
    where
        not service_states.is_counted
        and (service_states.is_excluded or service_states.other_leg is not null)
),

used as (
    select
        usage.system,
        usage.account_id,
        usage.service_id,
        accounts.account_name,
        accounts.state as account_state,
        usage.qty
    from core.usage as usage
    inner join pulls on usage.pull_id = pulls.pull_id
    inner join map.accounts as accounts
        on
            usage.system = accounts.system
            and usage.account_id = accounts.account_id
            and accounts.period = $period
),

excluded_accounts as (
    select
        accounts.system,
        accounts.account_id,
        accounts.account_name
    from map.accounts as accounts
    where accounts.period = $period and accounts.state = 'excluded' and accounts.is_listed
),

account_units as (
    select
        used.system,
        used.account_id,
        sum(used.qty) as qty
    from used
    where used.account_state = 'excluded'
    group by used.system, used.account_id
),

service_units as (
    select
        used.system,
        used.service_id,
        sum(used.qty) as qty
    from used
    where used.account_state = 'mapped'
    group by used.system, used.service_id
)

select
    $period as period,
    left_out.system,
    left_out.record_kind,
    left_out.record_id,
    left_out.name,
    coalesce(left_out.company_id, accounts.company_id) as company_id,
    left_out.account_id,
    left_out.service_id,
    left_out.qty,
    left_out.reason
from core.left_out as left_out
inner join pulls on left_out.pull_id = pulls.pull_id
left join map.accounts as accounts
    on
        left_out.system = accounts.system
        and left_out.account_id = accounts.account_id
        and accounts.period = $period

union all

select
    $period as period,
    excluded_accounts.system,
    'account' as record_kind,
    excluded_accounts.account_id as record_id,
    excluded_accounts.account_name as name,
    cast(null as varchar) as company_id,
    excluded_accounts.account_id,
    cast(null as varchar) as service_id,
    coalesce(account_units.qty, 0) as qty,
    'excluded_by_mapping' as reason
from excluded_accounts
left join account_units
    on
        excluded_accounts.system = account_units.system
        and excluded_accounts.account_id = account_units.account_id

union all

select
    $period as period,
    excluded_services.system,
    'service' as record_kind,
    excluded_services.service_id as record_id,
    excluded_services.service_name as name,
    cast(null as varchar) as company_id,
    cast(null as varchar) as account_id,
    excluded_services.service_id,
    coalesce(service_units.qty, 0) as qty,
    excluded_services.reason
from excluded_services
left join service_units
    on
        excluded_services.system = service_units.system
        and excluded_services.service_id = service_units.service_id
order by company_id
