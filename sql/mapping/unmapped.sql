-- Grain: one row per account or countable service that is mapped to nothing and excluded by nobody.
-- Inputs: account_states, service_states (map.* with the newest mappings).

select
    'account' as kind,
    states.system,
    states.account_id as id,
    states.account_name as name
from account_states as states
where states.state = 'unmapped' and states.is_listed

union all

select
    'service' as kind,
    states.system,
    states.service_id as id,
    max(states.service_name) as name
from service_states as states
group by states.system, states.service_id
having bool_and(states.state = 'unmapped') and bool_and(states.is_countable)

order by kind, system, id
