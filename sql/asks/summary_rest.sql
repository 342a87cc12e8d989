-- What is left to do, and the proof, in one row. Parameter: $period.

select
    (
        select count(*)
        from review.card_status
        where period = $period and status in ('open', 'reopened')
    ) as cards_open,
    (
        select count(*)
        from review.write_backs
        where period = $period and not is_withdrawn and state in ('queued', 'not_applied')
    ) as changes_waiting,
    (
        select count(*)
        from review.write_backs
        where period = $period and state in ('conflict', 'rejected', 'needs_person', 'disproved')
    ) as changes_stuck,
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
    ) as conserved
