-- Grain: one count per company, service group, vendor service and leg.
-- Key: period, company_id, service_group_id, system, service_id, leg.
-- Inputs: core.*, map.*. Parameter: $period. Only companies with a listed account at the vendor have
-- counts: a service it doesn't show for them is 0 then. The parts of a rule come in one fixed order:
-- count, exclude, free, blocks_of, × multiplier, rounding, minimum.

with pulls as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

product_groups as (
    select
        groups.member_id as product_id,
        groups.service_group_id
    from map.service_groups as groups
    where groups.period = $period and groups.member_kind = 'product'
),

feeds as (
    select
        services.system,
        services.service_id,
        services.leg,
        product_groups.service_group_id,
        max(services.service_name) as service_name,
        max(services.multiplier) as multiplier,
        max(services.count_from) as count_from,
        max(services.exclude_names) as exclude_names,
        max(services.exclude_classes) as exclude_classes,
        max(services.free_units) as free_units,
        max(services.blocks_of) as blocks_of,
        max(services.rounding) as rounding,
        max(services.minimum_units) as minimum_units,
        max(services.rule) as rule
    from map.services as services
    inner join product_groups on services.product_id = product_groups.product_id
    where services.period = $period and services.state = 'mapped' and services.is_countable
    group by services.system, services.service_id, services.leg, product_groups.service_group_id
),

accounts as (
    select
        accounts.system,
        accounts.account_id,
        accounts.company_id,
        accounts.is_listed
    from map.accounts as accounts
    where accounts.period = $period and accounts.state = 'mapped'
),

lines as (
    select distinct
        agreement_lines.company_id,
        product_groups.service_group_id
    from core.agreement_lines as agreement_lines
    inner join pulls on agreement_lines.pull_id = pulls.pull_id
    inner join product_groups on agreement_lines.product_id = product_groups.product_id
    where agreement_lines.excluded_reason is null
),

latest as (
    select
        accounts.company_id,
        usage.system,
        usage.service_id,
        sum(usage.qty) as qty
    from core.usage as usage
    inner join pulls on usage.pull_id = pulls.pull_id
    inner join accounts
        on usage.system = accounts.system and usage.account_id = accounts.account_id and accounts.is_listed
    group by accounts.company_id, usage.system, usage.service_id
),

-- One sum per pull over all accounts of a company: a device that moved between sites counts once.
pull_sums as (
    select
        accounts.company_id,
        usage.system,
        usage.service_id,
        usage.pull_id,
        sum(usage.qty) as qty,
        max(usage.as_of) as as_of
    from map.usage_by_pull as usage
    inner join accounts on usage.system = accounts.system and usage.account_id = accounts.account_id
    where usage.period = $period
    group by accounts.company_id, usage.system, usage.service_id, usage.pull_id
),

highest as (
    select
        pull_sums.company_id,
        pull_sums.system,
        pull_sums.service_id,
        pull_sums.qty,
        pull_sums.as_of
    from pull_sums
    qualify row_number() over (
        partition by pull_sums.company_id, pull_sums.system, pull_sums.service_id
        order by pull_sums.qty desc, pull_sums.as_of, pull_sums.pull_id
    ) = 1
),

rules as (
    select distinct
        feeds.system,
        feeds.service_id,
        feeds.exclude_names,
        feeds.exclude_classes
    from feeds
    where feeds.exclude_names is not null or feeds.exclude_classes is not null
),

left_out as (
    select
        accounts.company_id,
        entities.system,
        entities.service_id,
        count(*) as records
    from core.entities as entities
    inner join pulls on entities.pull_id = pulls.pull_id
    inner join rules on entities.system = rules.system and entities.service_id = rules.service_id
    inner join accounts
        on
            entities.system = accounts.system
            and entities.account_id = accounts.account_id
            and accounts.is_listed
    where
        regexp_matches(lower(entities.name), rules.exclude_names)
        or regexp_matches(lower(entities.kind), rules.exclude_classes)
    group by accounts.company_id, entities.system, entities.service_id
),

companies as (
    select distinct
        accounts.company_id,
        accounts.system
    from accounts
    where accounts.is_listed
),

-- Where a customer has a line, or any use: then every service of the group is told, with its 0.
told as (
    select
        lines.company_id,
        lines.service_group_id
    from lines

    union

    select
        latest.company_id,
        feeds.service_group_id
    from latest
    inner join feeds on latest.system = feeds.system and latest.service_id = feeds.service_id
    where latest.qty <> 0

    union

    select
        highest.company_id,
        feeds.service_group_id
    from highest
    inner join feeds on highest.system = feeds.system and highest.service_id = feeds.service_id
    inner join companies on highest.company_id = companies.company_id and highest.system = companies.system
    where feeds.count_from = 'monthly_maximum' and highest.qty <> 0
),

started as (
    select
        companies.company_id,
        feeds.service_group_id,
        feeds.system,
        feeds.service_id,
        feeds.service_name,
        feeds.leg,
        feeds.rule,
        feeds.multiplier,
        feeds.count_from,
        feeds.exclude_names is not null or feeds.exclude_classes is not null as has_exclusion,
        feeds.free_units,
        feeds.blocks_of,
        feeds.rounding,
        feeds.minimum_units,
        lines.company_id is not null as has_line,
        coalesce(latest.qty, 0) as qty_latest,
        case when feeds.count_from = 'monthly_maximum' then highest.qty end as qty_highest,
        case when feeds.count_from = 'monthly_maximum' then highest.as_of end as highest_at,
        cast(coalesce(left_out.records, 0) as decimal(18, 4)) as qty_excluded
    from told
    inner join feeds on told.service_group_id = feeds.service_group_id
    inner join companies on told.company_id = companies.company_id and feeds.system = companies.system
    left join lines
        on told.company_id = lines.company_id and told.service_group_id = lines.service_group_id
    left join latest
        on
            companies.company_id = latest.company_id
            and feeds.system = latest.system
            and feeds.service_id = latest.service_id
    left join highest
        on
            companies.company_id = highest.company_id
            and feeds.system = highest.system
            and feeds.service_id = highest.service_id
    left join left_out
        on
            companies.company_id = left_out.company_id
            and feeds.system = left_out.system
            and feeds.service_id = left_out.service_id
),

counted as (
    select
        started.*,
        greatest(started.qty_latest, coalesce(started.qty_highest, started.qty_latest)) as qty_base
    from started
),

freed as (
    select
        counted.*,
        greatest(counted.qty_base - counted.qty_excluded, 0) as qty_kept,
        greatest(greatest(counted.qty_base - counted.qty_excluded, 0) - counted.free_units, 0) as qty_charged
    from counted
),

-- Blocks in whole numbers: a division of decimals would be a float, and its ceiling one too many.
blocked as (
    select
        freed.*,
        case
            when freed.blocks_of is null then freed.qty_charged
            else cast(
                (cast(freed.qty_charged * 10000 as bigint) + cast(freed.blocks_of * 10000 as bigint) - 1)
                // cast(freed.blocks_of * 10000 as bigint)
                as decimal(18, 4)
            )
        end as qty_blocks
    from freed
),

multiplied as (
    select
        blocked.*,
        cast(blocked.qty_blocks * blocked.multiplier as decimal(18, 4)) as qty_multiplied
    from blocked
),

rounded as (
    select
        multiplied.*,
        cast(case multiplied.rounding
            when 'up' then ceil(multiplied.qty_multiplied)
            when 'down' then floor(multiplied.qty_multiplied)
            when 'nearest' then floor(multiplied.qty_multiplied + 0.5)
            else multiplied.qty_multiplied
        end as decimal(18, 4)) as qty_rounded
    from multiplied
),

-- A minimum is owed where there is a contract, and a line or any use says that there is one.
finished as (
    select
        rounded.*,
        case
            when rounded.has_line or rounded.qty_base > 0
                then greatest(rounded.qty_rounded, rounded.minimum_units)
            else rounded.qty_rounded
        end as qty_counted
    from rounded
)

select
    $period as period,
    finished.company_id,
    finished.service_group_id,
    finished.system,
    finished.service_id,
    finished.service_name,
    finished.leg,
    finished.qty_latest,
    finished.qty_highest,
    finished.highest_at,
    finished.qty_excluded,
    finished.qty_counted,
    concat(
        regexp_replace(cast(finished.qty_base as varchar), '\.?0+$', ''),
        case
            when finished.count_from <> 'monthly_maximum' then ''
            when finished.qty_highest >= finished.qty_latest
                then concat(' on ', cast(finished.highest_at as date), ', the highest of the month')
            else ' now, the highest of the month'
        end,
        case
            when finished.has_exclusion
                then concat(
                    '; - ', regexp_replace(cast(finished.qty_excluded as varchar), '\.?0+$', ''),
                    ' excluded = ', regexp_replace(cast(finished.qty_kept as varchar), '\.?0+$', '')
                )
            else ''
        end,
        case
            when finished.free_units > 0
                then concat(
                    '; - ', regexp_replace(cast(finished.free_units as varchar), '\.?0+$', ''),
                    ' free = ', regexp_replace(cast(finished.qty_charged as varchar), '\.?0+$', '')
                )
            else ''
        end,
        case
            when finished.blocks_of is not null
                then concat(
                    '; in blocks of ', regexp_replace(cast(finished.blocks_of as varchar), '\.?0+$', ''),
                    ' = ', regexp_replace(cast(finished.qty_blocks as varchar), '\.?0+$', '')
                )
            else ''
        end,
        case
            when finished.multiplier <> 1
                then concat(
                    '; × ', regexp_replace(cast(finished.multiplier as varchar), '\.?0+$', ''),
                    ' = ', regexp_replace(cast(finished.qty_multiplied as varchar), '\.?0+$', '')
                )
            else ''
        end,
        case
            when finished.rounding is not null
                then concat(
                    '; rounded ', finished.rounding,
                    ' = ', regexp_replace(cast(finished.qty_rounded as varchar), '\.?0+$', '')
                )
            else ''
        end,
        case
            when finished.minimum_units > 0
                then concat(
                    '; at least ', regexp_replace(cast(finished.minimum_units as varchar), '\.?0+$', ''),
                    ' = ', regexp_replace(cast(finished.qty_counted as varchar), '\.?0+$', '')
                )
            else ''
        end
    ) as equation,
    finished.rule
from finished
order by company_id
