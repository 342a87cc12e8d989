"""What a script or its author may ask: what was pushed, when last, and what has become of it.

Only looks; the same replay of the inbox that a pull uses.
"""

import re
from typing import Any

from starlette.responses import Response

from reconcile_pipeline.push.answers import Refusal, answer
from reconcile_pipeline.push.call import Call
from reconcile_pipeline.systems.vendors.push import reading_of
from reconcile_pipeline.systems.vendors.push_inbox import status, times
from reconcile_pipeline.systems.vendors.push_state import Cell, Standing, standing

_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
NOT_THIS_MONTH = "pushed_in_an_earlier_month"


def get_counts(call: Call) -> Response:
    """Every pair an integration ever pushed, as it stands for a month."""
    period = call.query.get("period", call.period)
    if not _PERIOD.fullmatch(period):
        raise Refusal(422, "period must be a month, like 2026-11.")
    reading = reading_of(call.integration.account, period, call.now)
    with call.integration.inbox.reading() as connection:
        found = standing(connection, reading)
        _made, _changed, counted_at = times(connection)
        said = status(connection)
    problem = found.problem
    return answer(
        {
            "integration": call.integration.name,
            "period": period,
            "status": said,
            "last_pushed_at": counted_at,
            "is_usable": problem is None,
            "problem": problem and {"message": problem.message, "next_step": problem.next_step},
            "counts": _counts(call, found),
        }
    )


def _counts(call: Call, found: Standing) -> list[dict[str, Any]]:
    names = {row["account_id"]: row["name"] for row in found.accounts}
    titles = {row["service_id"]: row["name"] for row in found.services}
    mapped = call.mapped

    def shown(pair: tuple[str, str], cell: Cell, basis: str) -> dict[str, Any]:
        account_id, service_id = pair
        return {
            "account_id": account_id,
            "account_name": names[account_id],
            "service_key": service_id,
            "service_name": titles[service_id],
            "quantity": f"{cell.quantity:f}",
            "basis": basis,
            "as_of": cell.as_of,
            "pushed_at": cell.pushed_at,
            "batch_id": cell.batch_id,
            "is_account_mapped": account_id in mapped.accounts,
            "is_service_mapped": service_id in mapped.services,
            "is_on_card": pair in mapped.on_cards,
        }

    current = [shown(pair, cell, str(cell.basis)) for pair, cell in sorted(found.cells.items())]
    earlier = [shown(pair, cell, NOT_THIS_MONTH) for pair, cell in sorted(found.earlier.items())]
    return current + earlier
