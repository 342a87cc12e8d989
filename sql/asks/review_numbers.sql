-- What waits, what was applied, what was refused, and money, in one row. Parameter: $period.

select
    (
        select count(*)
        from review.card_status
        where period = $period and status in ('open', 'reopened')
    ) as decisions_waiting,
    (
        select count(*)
        from review.write_backs
        where
            period = $period
            and not is_withdrawn
            and state in ('queued', 'not_applied', 'intent', 'sent', 'unknown')
    ) as changes_waiting,
    (
        select count(*)
        from review.write_backs
        where period = $period and state in ('verified', 'proved', 'done_by_hand')
    ) as changes_applied,
    (
        select count(*)
        from review.write_backs
        where period = $period and state in ('conflict', 'rejected', 'needs_person', 'disproved')
    ) as changes_refused,
    (
        select coalesce(sum(amount_recovered), 0)
        from recon.history
        where period = $period
    ) as amount_recovered,
    (
        select coalesce(sum(amount_relieved), 0)
        from recon.history
        where period = $period
    ) as amount_relieved
