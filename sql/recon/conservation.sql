-- Grain: one sum per system and measure. Key: period, system, measure.
-- Inputs: core.*, recon.*. Parameter: $period.
-- read:<record>  every record of the raw pages is kept in core or left out with a reason;
--                read:usage:<service> says so for one service of a vendor that counts several.
-- sorted:<what>  every unit kept in core is on a card, on an unmapped list, or excluded with a reason.

with pulls as (
    select pulls.pull_id
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

lines as (
    select
        agreement_lines.system,
        agreement_lines.qty,
        agreement_lines.excluded_reason
    from core.agreement_lines as agreement_lines
    inner join pulls on agreement_lines.pull_id = pulls.pull_id
),

usage as (
    select
        usage.system,
        usage.service_id,
        usage.qty
    from core.usage as usage
    inner join pulls on usage.pull_id = pulls.pull_id
),

entities as (
    select distinct
        entities.system,
        entities.entity_id
    from core.entities as entities
    inner join pulls on entities.pull_id = pulls.pull_id
),

kept as (
    select
        lines.system,
        'agreement_line' as measure,
        count(*) as records,
        sum(lines.qty) as qty
    from lines
    where lines.excluded_reason is null
    group by lines.system

    union all

    select
        entities.system,
        'device' as measure,
        count(*) as records,
        cast(count(*) as decimal(18, 4)) as qty
    from entities
    group by entities.system

    union all

    select
        usage.system,
        'usage' as measure,
        count(*) as records,
        sum(usage.qty) as qty
    from usage
    group by usage.system

    union all

    select
        usage.system,
        concat('usage:', usage.service_id) as measure,
        count(*) as records,
        sum(usage.qty) as qty
    from usage
    group by usage.system, usage.service_id
),

left_out as (
    select
        left_out.system,
        left_out.record_kind as measure,
        count(*) as records,
        coalesce(sum(left_out.qty), 0) as qty
    from core.left_out as left_out
    inner join pulls on left_out.pull_id = pulls.pull_id
    group by left_out.system, left_out.record_kind

    union all

    select
        left_out.system,
        concat('usage:', left_out.service_id) as measure,
        count(*) as records,
        coalesce(sum(left_out.qty), 0) as qty
    from core.left_out as left_out
    inner join pulls on left_out.pull_id = pulls.pull_id
    where left_out.service_id is not null
    group by left_out.system, left_out.service_id
),

read_sums as (
    select
        totals.system,
        concat('read:', totals.measure) as measure,
        totals.qty as qty_in,
        coalesce(kept.qty, 0) as qty_cards,
        cast(0 as decimal(18, 4)) as qty_unmapped,
        coalesce(left_out.qty, 0) as qty_excluded,
        totals.records as records_in,
        coalesce(kept.records, 0) + coalesce(left_out.records, 0) as records_out
    from core.control_totals as totals
    inner join pulls on totals.pull_id = pulls.pull_id
    left join kept
        on
            totals.system = kept.system
            and case
                when totals.measure in ('agreement_line', 'device') or totals.measure like 'usage:%'
                    then totals.measure
                else 'usage'
            end = kept.measure
    left join left_out
        on
            totals.system = left_out.system
            and totals.measure = left_out.measure
            and totals.measure <> 'row'
),

on_cards as (
    select
        card_lines.system,
        card_lines.side,
        sum(card_lines.qty) as qty,
        sum(case when card_lines.qty <> 0 then 1 else 0 end) as records
    from recon.card_lines as card_lines
    where card_lines.period = $period
    group by card_lines.system, card_lines.side
),

line_sums as (
    select
        lines.system,
        'sorted:agreement_line' as measure,
        sum(lines.qty) as qty_in,
        coalesce(max(on_cards.qty), 0) as qty_cards,
        cast(0 as decimal(18, 4)) as qty_unmapped,
        sum(case when lines.excluded_reason is not null then lines.qty else 0 end) as qty_excluded,
        sum(case when lines.qty <> 0 and lines.excluded_reason is null then 1 else 0 end) as records_in,
        coalesce(max(on_cards.records), 0) as records_out
    from lines
    left join on_cards on lines.system = on_cards.system and on_cards.side = 'psa'
    group by lines.system
),

unmapped as (
    select
        listed.system,
        sum(listed.qty) as qty
    from (
        select
            accounts.system,
            accounts.qty
        from recon.unmapped_accounts as accounts
        where accounts.period = $period

        union all

        select
            services.system,
            services.qty
        from recon.unmapped_services as services
        where services.period = $period
    ) as listed
    group by listed.system
),

excluded as (
    select
        exclusions.system,
        sum(exclusions.qty) as qty
    from recon.exclusions as exclusions
    where
        exclusions.period = $period
        and (exclusions.reason = 'excluded_by_mapping' or exclusions.reason like 'leg\_%' escape '\')
    group by exclusions.system
),

usage_sums as (
    select
        usage.system,
        'sorted:usage' as measure,
        sum(usage.qty) as qty_in,
        coalesce(max(on_cards.qty), 0) as qty_cards,
        coalesce(max(unmapped.qty), 0) as qty_unmapped,
        coalesce(max(excluded.qty), 0) as qty_excluded,
        cast(0 as bigint) as records_in,
        cast(0 as bigint) as records_out
    from usage
    left join on_cards on usage.system = on_cards.system and on_cards.side = 'vendor'
    left join unmapped on usage.system = unmapped.system
    left join excluded on usage.system = excluded.system
    group by usage.system
),

sums as (
    select
        system,
        measure,
        qty_in,
        qty_cards,
        qty_unmapped,
        qty_excluded,
        records_in,
        records_out
    from read_sums

    union all

    select
        system,
        measure,
        qty_in,
        qty_cards,
        qty_unmapped,
        qty_excluded,
        records_in,
        records_out
    from line_sums

    union all

    select
        system,
        measure,
        qty_in,
        qty_cards,
        qty_unmapped,
        qty_excluded,
        records_in,
        records_out
    from usage_sums
)

select
    $period as period,
    sums.system,
    sums.measure,
    sums.qty_in,
    sums.qty_cards,
    sums.qty_unmapped,
    sums.qty_excluded,
    sums.qty_in - sums.qty_cards - sums.qty_unmapped - sums.qty_excluded as qty_missing,
    sums.records_in - sums.records_out as records_missing,
    sums.qty_in - sums.qty_cards - sums.qty_unmapped - sums.qty_excluded = 0
    and sums.records_in = sums.records_out as is_conserved
from sums
