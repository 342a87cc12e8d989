-- How far the line changes got, in one row; `moved_at` is when the last of them moved (UTC).
-- Parameter: $period.

select
    count(case when write_backs.state in ('verified', 'proved') then 1 end) as verified,
    count(case
        when write_backs.state in ('conflict', 'rejected', 'needs_person', 'disproved') then 1
    end) as stuck,
    count(case when write_backs.state = 'done_by_hand' then 1 end) as done_by_hand,
    (
        select count(*)
        from review.action_items as action_items
        where
            action_items.period = $period
            and action_items.action <> 'change_line'
            -- What somebody has done, or given up, waits for nobody.
            and coalesce(action_items.state, '') not in ('verified', 'proved', 'done_by_hand', 'dropped')
    ) as left_by_hand,
    count(case
        when
            not write_backs.is_withdrawn
            and write_backs.state in ('queued', 'not_applied', 'intent', 'sent', 'unknown')
            then 1
    end) as waiting,
    max(coalesce(write_backs.finished_at, write_backs.sent_at)) as moved_at
from review.write_backs as write_backs
where write_backs.period = $period
