-- Grain: one row per company, agreement, agreement line or account that core keeps with a reason.
-- Key: system, record_kind, record_id. Inputs: core.* of the pull. Parameter: $pull_id.
-- Runs after the file of the pull's own system, which adds what never became such a record.

insert into core.left_out by name
select
    system,
    'company' as record_kind,
    company_id as record_id,
    name,
    company_id,
    cast(null as varchar) as account_id,
    cast(null as decimal(18, 4)) as qty,
    excluded_reason as reason,
    pull_id
from core.companies
where pull_id = $pull_id and excluded_reason is not null

union all

select
    system,
    'agreement' as record_kind,
    agreement_id as record_id,
    name,
    company_id,
    cast(null as varchar) as account_id,
    cast(null as decimal(18, 4)) as qty,
    excluded_reason as reason,
    pull_id
from core.agreements
where pull_id = $pull_id and excluded_reason is not null

union all

select
    system,
    'agreement_line' as record_kind,
    line_id as record_id,
    description as name,
    company_id,
    cast(null as varchar) as account_id,
    qty,
    excluded_reason as reason,
    pull_id
from core.agreement_lines
where pull_id = $pull_id and excluded_reason is not null

union all

select
    system,
    'account' as record_kind,
    account_id as record_id,
    name,
    cast(null as varchar) as company_id,
    account_id,
    cast(null as decimal(18, 4)) as qty,
    excluded_reason as reason,
    pull_id
from core.accounts
where pull_id = $pull_id and excluded_reason is not null;
