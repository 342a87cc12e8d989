-- How far the month is, in one row. Inputs: board, recon.*. Parameter: $period.

select
    (
        select count(*)
        from board
        where board.status <> 'nothing_to_do'
    ) as cards_asking,
    (
        select count(*)
        from board
        where board.status in ('open', 'reopened')
    ) as cards_open,
    (
        select count(*)
        from board
        where board.status in ('waiting', 'needs_person')
    ) as cards_stuck,
    (
        select count(*)
        from recon.unmapped_accounts
        where period = $period
    ) as unmapped_accounts,
    (
        select count(*)
        from recon.unmapped_services
        where period = $period
    ) as unmapped_services,
    (
        select count(*)
        from recon.exclusions
        where period = $period
    ) as exclusions,
    (
        select count(*)
        from recon.conservation
        where period = $period
    ) as sums,
    (
        select count(*)
        from recon.conservation
        where period = $period and is_conserved
    ) as sums_conserved
