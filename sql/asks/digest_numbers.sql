-- How far the review is, in one row. Parameter: $period.

with cards as (
    select
        count(case when card_status.status in ('open', 'reopened') then 1 end) as cards_open,
        count(case when card_status.status not in ('open', 'reopened', 'nothing_to_do') then 1 end)
            as cards_decided
    from review.card_status as card_status
    where card_status.period = $period
)

select
    cards.cards_open,
    cards.cards_decided,
    (
        select count(*)
        from recon.unmapped_accounts as accounts
        where accounts.period = $period
    ) as unmapped_accounts,
    (
        select count(*)
        from recon.unmapped_services as services
        where services.period = $period
    ) as unmapped_services
from cards
