-- Grain: one row per card of the month. Key: card_id.
-- Inputs: recon.cards, review.card_status, review.write_backs. Parameter: $period.
-- Money counts once it was read back from the PSA; a change that was undone cancels itself out.
-- A line in another currency than its card's adds its units, not its money: see money_recovered.

with written as (
    select
        decisions.card_id,
        sum(write_backs.qty_to - write_backs.qty_from) as qty_written,
        sum(case
            when write_backs.amount > 0 and write_backs.currency is not distinct from cards.currency
                then write_backs.amount
            else 0
        end) as amount_up,
        sum(case
            when write_backs.amount < 0 and write_backs.currency is not distinct from cards.currency
                then -write_backs.amount
            else 0
        end) as amount_down
    from review.write_backs as write_backs
    inner join review.decisions as decisions on write_backs.decision_id = decisions.decision_id
    inner join recon.cards as cards on decisions.card_id = cards.card_id
    where
        write_backs.period = $period
        and write_backs.state in ('verified', 'proved')
        and write_backs.undoes is null
        and not exists (
            select 1
            from review.write_backs as undoing
            where undoing.undoes = write_backs.change_id and undoing.state in ('verified', 'proved')
        )
    group by decisions.card_id
)

select
    cards.period,
    cards.card_id,
    cards.psa,
    cards.company_id,
    cards.company_name,
    cards.service_group_id,
    cards.service_name,
    cards.finding,
    cards.first_seen_period,
    cards.qty_psa,
    cards.qty_vendor,
    cards.qty_delta,
    cards.currency,
    cards.amount_delta,
    card_status.status,
    card_status.decision,
    card_status.decided_by,
    coalesce(written.qty_written, 0) as qty_written,
    coalesce(written.amount_up, 0) as amount_recovered,
    coalesce(written.amount_down, 0) as amount_relieved
from recon.cards as cards
inner join review.card_status as card_status on cards.card_id = card_status.card_id
left join written on cards.card_id = written.card_id
where cards.period = $period
order by cards.company_id
