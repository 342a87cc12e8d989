-- Mapped accounts, and unmapped accounts with usage. Parameter: $period.

select
    (
        select count(*)
        from map.accounts as accounts
        where accounts.period = $period and accounts.state = 'mapped'
    ) as mapped,
    (
        select count(*)
        from recon.unmapped_accounts as accounts
        where accounts.period = $period
    ) as unmapped
