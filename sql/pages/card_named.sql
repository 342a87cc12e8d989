-- For each vendor that feeds a card: whether it names what it counts, now and in the month before.
-- A month of another PSA is none: its customers have other ids. Inputs: core.pulls, core.entities, map.*.
-- Parameters: $period, $before, $psa, $service.

with feeds as (
    select distinct
        services.system,
        services.service_id
    from map.services as services
    inner join map.service_groups as service_groups
        on
            services.period = service_groups.period
            and services.product_id = service_groups.member_id
            and service_groups.member_kind = 'product'
    where
        services.period = $period
        and services.state = 'mapped'
        and services.leg = 'usage'
        and service_groups.service_group_id = $service
)

select
    pulls.system,
    max(case when pulls.period = $before then 1 else 0 end) = 1
    and exists (
        select 1
        from core.pulls as invoicing
        where invoicing.period = $before and invoicing.is_evidence and invoicing.system = $psa
    ) as has_before,
    max(case
        when exists (
            select 1
            from core.entities as entities
            inner join feeds
                on entities.system = feeds.system and entities.service_id = feeds.service_id
            where entities.pull_id = pulls.pull_id and pulls.period = $period
        ) then 1
        else 0
    end) = 1 as is_named
from core.pulls as pulls
where
    pulls.period in ($before, $period)
    and pulls.is_evidence
    and pulls.system in (
        select feeds.system
        from feeds
    )
group by pulls.system
order by pulls.system
