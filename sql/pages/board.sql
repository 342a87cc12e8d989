-- Grain: one row per card of the month: everything that lists, sums and filters need. Key: card_id.
-- Inputs: recon.cards, review.card_status, map.service_groups, recon.card_lines. Parameter: $period.
-- Kept in memory by the review app, which updates where a card stands as decisions come in.
-- The places are orders by name, as numbers: a list of 100,000 cards sorts by them in milliseconds.

with vendors as (
    select
        service_groups.service_group_id,
        list(distinct service_groups.system order by service_groups.system) as vendors
    from map.service_groups as service_groups
    where service_groups.period = $period and service_groups.member_kind = 'service'
    group by service_groups.service_group_id
),

agreements as (
    select
        card_lines.card_id,
        string_agg(distinct agreements.name, ', ' order by agreements.name) as agreements
    from recon.card_lines as card_lines
    inner join core.agreements as agreements
        on
            card_lines.pull_id = agreements.pull_id
            and card_lines.agreement_id = agreements.agreement_id
    where card_lines.period = $period and card_lines.side = 'psa'
    group by card_lines.card_id
)

select
    cards.period,
    cards.card_id,
    cards.card_version,
    cards.company_id,
    cards.company_name,
    cards.service_group_id,
    cards.service_name,
    coalesce(agreements.agreements, '') as agreements,
    coalesce(vendors.vendors, []) as vendors,
    cards.finding,
    cards.qty_psa,
    cards.qty_vendor,
    cards.qty_delta,
    cards.unit_price,
    cards.currency,
    cards.amount_delta,
    cards.evidence_as_of,
    cards.is_grace_evidence,
    cards.reason,
    cards.next_step,
    cards.first_seen_period,
    cards.psa,
    cards.qty_included,
    cards.qty_purchased,
    cards.qty_vendor_invoiced,
    cards.equation,
    cards.mapping_version,
    card_status.status,
    card_status.why,
    card_status.decision_id,
    card_status.decision,
    card_status.decided_by,
    card_status.decided_at,
    strip_accents(lower(concat_ws(' ', cards.company_name, cards.service_name, agreements.agreements)))
        as words,
    row_number() over (order by cards.company_name, cards.service_name, cards.card_id) as place,
    dense_rank() over (order by cards.company_name) as company_place,
    dense_rank() over (order by cards.service_name) as service_place,
    dense_rank() over (order by coalesce(agreements.agreements, '')) as agreements_place
from recon.cards as cards
inner join review.card_status as card_status on cards.card_id = card_status.card_id
left join vendors on cards.service_group_id = vendors.service_group_id
left join agreements on cards.card_id = agreements.card_id
where cards.period = $period
order by cards.company_name, cards.service_name, cards.card_id
