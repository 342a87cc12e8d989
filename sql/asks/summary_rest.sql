-- What is left to do, and the proof, in one row. Parameter: $period.

select
    (
        select count(*)
        from recon.discrepancies
        where period = $period
    ) as discrepancies,
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
