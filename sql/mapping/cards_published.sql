-- The published cards of the period, kept as those before the proposals. Input: published.recon.cards.
-- Parameter: $period.

insert into cards_before by name
select cards.*
from published.recon.cards as cards
where cards.period = $period
