-- The vendor services that feed a service group, with who mapped them. Inputs: map.*.
-- Parameters: $period, $service.

select
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
where
    services.period = $period
    and services.state = 'mapped'
    and services.product_id in (
        select service_groups.member_id
        from map.service_groups as service_groups
        where
            service_groups.period = $period
            and service_groups.service_group_id = $service
            and service_groups.member_kind = 'product'
    )
order by services.system, services.service_name, services.service_id, services.product_id
