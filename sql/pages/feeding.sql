-- The vendor services that feed each service group, with who mapped them. Inputs: map.*.
-- Parameter: $period.

select
    service_groups.service_group_id,
    services.system,
    services.service_id as item_id,
    services.service_name as item_name,
    services.product_id as target_id,
    services.leg,
    services.multiplier,
    services.method,
    services.decided_by,
    services.decided_at,
    services.drift
from map.services as services
inner join map.service_groups as service_groups
    on
        services.period = service_groups.period
        and services.product_id = service_groups.member_id
        and service_groups.member_kind = 'product'
where services.period = $period and services.state = 'mapped'
order by services.system, services.service_name, services.service_id, services.product_id
