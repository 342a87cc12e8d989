-- Grain: one row per PSA line and per vendor usage row behind a card. Key: card_id, side, system, record_id.
-- Inputs: recon.cards, core.agreement_lines, core.usage, map.*. Parameter: $period.

with pulls as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

cards as (
    select
        cards.card_id,
        cards.company_id,
        cards.service_group_id
    from recon.cards as cards
    where cards.period = $period
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
        product_groups.service_group_id,
        max(services.service_name) as service_name,
        max(services.multiplier) as multiplier
    from map.services as services
    inner join product_groups on services.product_id = product_groups.product_id
    where
        services.period = $period
        and services.state = 'mapped'
        and services.leg = 'usage'
        and services.is_countable
    group by services.system, services.service_id, product_groups.service_group_id
)

select
    $period as period,
    cards.card_id,
    'psa' as side,
    agreement_lines.system,
    agreement_lines.line_id as record_id,
    agreement_lines.agreement_id,
    cast(null as varchar) as account_id,
    agreement_lines.product_id as item_id,
    agreement_lines.description as name,
    agreement_lines.qty,
    cast(1 as decimal(18, 4)) as multiplier,
    agreement_lines.qty as qty_counted,
    agreement_lines.qty_included,
    agreement_lines.unit_price,
    agreement_lines.unit_cost,
    agreement_lines.currency,
    agreement_lines.effective_on,
    cast(null as date) as commitment_ends_on,
    agreement_lines.is_auto_counted,
    agreement_lines.pull_id
from core.agreement_lines as agreement_lines
inner join pulls on agreement_lines.pull_id = pulls.pull_id
left join product_groups on agreement_lines.product_id = product_groups.product_id
inner join cards
    on
        agreement_lines.company_id = cards.company_id
        and coalesce(product_groups.service_group_id, concat('product:', agreement_lines.product_id))
        = cards.service_group_id
where agreement_lines.excluded_reason is null

union all

select
    $period as period,
    cards.card_id,
    'vendor' as side,
    usage.system,
    concat(usage.account_id, '/', usage.service_id, '/', usage.usage_id) as record_id,
    cast(null as varchar) as agreement_id,
    usage.account_id,
    usage.service_id as item_id,
    feeds.service_name as name,
    usage.qty,
    feeds.multiplier,
    cast(usage.qty * feeds.multiplier as decimal(18, 4)) as qty_counted,
    cast(null as decimal(18, 4)) as qty_included,
    cast(null as decimal(18, 4)) as unit_price,
    usage.unit_cost,
    usage.currency,
    cast(null as date) as effective_on,
    usage.commitment_ends_on,
    false as is_auto_counted,
    usage.pull_id
from core.usage as usage
inner join pulls on usage.pull_id = pulls.pull_id
inner join map.accounts as accounts
    on
        usage.system = accounts.system
        and usage.account_id = accounts.account_id
        and accounts.period = $period
        and accounts.state = 'mapped'
        and accounts.is_listed
inner join feeds on usage.system = feeds.system and usage.service_id = feeds.service_id
inner join cards on accounts.company_id = cards.company_id and feeds.service_group_id = cards.service_group_id
order by card_id
