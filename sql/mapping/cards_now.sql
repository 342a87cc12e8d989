-- The cards the trial has made, kept as those before the proposals. Input: recon.cards.

insert into cards_before by name
select cards.*
from recon.cards as cards
