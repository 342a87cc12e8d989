"""What is unmapped and belongs to a customer by exact data, never by likeness.

An account with the customer's very name, below one of its accounts or with the same domain; and
services its accounts use. All of it is read once for each published version: there is little.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from reconcile_pipeline.web.desk import Call

Row = dict[str, Any]


def nearby(call: Call, card: Row, accounts: Sequence[Row]) -> list[Row]:
    """Unmapped accounts, then services, each with `kind` and `why`.

    Args:
        call: the request.
        card: its customer, and the vendors whose items matter; one that no vendor feeds may be
            used at any of them.
        accounts: those of the customer.
    """
    found = _accounts(call, card["company_name"], accounts) + _services(call, accounts)
    vendors = card["vendors"]
    return [row for row in found if not vendors or row["system"] in vendors]


def _accounts(call: Call, name: str, accounts: Sequence[Row]) -> list[Row]:
    own = {(row["system"], row["item_id"]) for row in accounts}
    shared: dict[tuple[str, str], str] = call.books.keep("domains", lambda: _domains(call))
    domains = {shared[account] for account in own if account in shared}
    found = []
    for row in call.books.ask_once("nearby_accounts"):
        if row["item_name"] == name:
            why = "it has the customer's very name"
        elif (row["system"], row["parent_account_id"]) in own:
            why = "it lies below an account of this customer"
        elif row["domain"] in domains:
            why = "it has the domain of an account of this customer"
        else:
            continue
        found.append({**row, "kind": "account", "why": why})
    return found


def _services(call: Call, accounts: Sequence[Row]) -> list[Row]:
    users: dict[tuple[str, str], list[Row]] = call.books.keep("users", lambda: _users(call))
    found: dict[tuple[str, str], Row] = {}
    for account in accounts:
        for row in users.get((account["system"], account["item_id"]), ()):
            key = (row["system"], row["item_id"])
            earlier = found[key]["qty"] if key in found else 0
            why = "an account of this customer uses it"
            found[key] = {**row, "qty": earlier + row["qty"], "kind": "service", "why": why}
    return [found[key] for key in sorted(found)]


def _domains(call: Call) -> dict[tuple[str, str], str]:
    """The domains of accounts that some unmapped account has too."""
    rows = call.books.ask("nearby_domains")
    return {(row["system"], row["account_id"]): row["domain"] for row in rows}


def _users(call: Call) -> dict[tuple[str, str], list[Row]]:
    """What each account uses of unmapped services."""
    found = defaultdict(list)
    for row in call.books.ask("nearby_services"):
        found[(row["system"], row["account_id"])].append(row)
    return dict(found)
