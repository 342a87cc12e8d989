-- The newest entry of the ledger that the month's review tables know. Parameter: $period.

select ledger_state.entry
from review.ledger_state as ledger_state
where ledger_state.period = $period
