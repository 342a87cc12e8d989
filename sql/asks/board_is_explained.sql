-- Cards of the period, and the commonest reasons why companies and agreements are left out.
-- Parameter: $period.

select
    'card' as record_kind,
    '' as reason,
    count(*) as records
from recon.cards as cards
where cards.period = $period

union all

select
    exclusions.record_kind,
    exclusions.reason,
    count(*) as records
from recon.exclusions as exclusions
where exclusions.period = $period and exclusions.record_kind in ('company', 'agreement')
group by exclusions.record_kind, exclusions.reason

order by records desc, record_kind, reason
