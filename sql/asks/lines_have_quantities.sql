-- Lines that count, and those among them with quantity 0. Parameter: $period.

select
    count(*) as lines,
    count(case when agreement_lines.qty = 0 then 1 end) as empty
from core.agreement_lines as agreement_lines
inner join core.pulls as pulls
    on agreement_lines.pull_id = pulls.pull_id and pulls.period = $period and pulls.is_evidence
where agreement_lines.excluded_reason is null
