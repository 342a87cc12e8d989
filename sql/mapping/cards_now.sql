-- The cards the trial has made, kept as those before the proposals. Input: recon.cards.

create table cards_before as from recon.cards
