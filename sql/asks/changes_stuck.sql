-- Line changes that need a person, dearest first. Parameter: $period.

select
    write_backs.state,
    write_backs.company_name,
    write_backs.service_name,
    write_backs.line_id,
    write_backs.qty_from,
    write_backs.qty_to,
    write_backs.says,
    write_backs.change_id
from review.write_backs as write_backs
where
    write_backs.period = $period
    and write_backs.state in ('conflict', 'rejected', 'needs_person', 'disproved')
order by abs(coalesce(write_backs.amount, 0)) desc, write_backs.change_id
