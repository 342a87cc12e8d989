-- The published cards of the period, kept as those before the proposals. Input: published.recon.cards.
-- Parameter: $period.

create table cards_before as from published.recon.cards
where period = $period
