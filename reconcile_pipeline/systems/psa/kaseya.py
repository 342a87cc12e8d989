"""Kaseya BMS and Pulseway PSA: accounts, contracts, services and invoices, as lists to pull.

One code base sold under two names, so one set of lists makes both systems. The published API
reads no contract lines and changes none: quantities are those of each contract's last invoice,
and changes are made by a person. What counts is said in `kaseya_scope` and `kaseya_invoices`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote

from reconcile_pipeline.http import PageNumber, Paginator, Request, SinglePage
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.base import Account, Changes, Child, Record, Stream, System
from reconcile_pipeline.systems.psa import kaseya_invoices as invoices
from reconcile_pipeline.systems.psa import kaseya_scope as scope
from reconcile_pipeline.systems.psa.kaseya_account import make_client, make_fields, page_size
from reconcile_pipeline.systems.psa.kaseya_reading import (
    lines_of_invoice,
    pages,
    result_list,
    total,
)
from reconcile_pipeline.systems.psa.kaseya_refusals import PERMISSIONS, diagnose
from reconcile_pipeline.systems.reading import bare_list, only

ACCOUNTS = "/v2/crm/accounts/summary"
Earlier = Mapping[str, Sequence[Record]]

# Assumed, not published: the shape is that of the published call that adds lines. To be corrected
# from a tenant's own description of its API; asked only with assume_unpublished_line_calls.
ASSUMED_LINES = "/v2/finance/contracts/recurringservices/{id}/services"


@dataclass(frozen=True)
class _Lists:
    """How lists of one account of the PSA are declared."""

    size: int

    def whole(
        self,
        name: str,
        path: str,
        required: tuple[str, ...],
        *,
        account: str | None = None,
        keeps: Callable[[Record], Record] | None = None,
        changes: Changes | None = None,
    ) -> Stream:
        """One list that announces how many records it has."""
        return Stream(
            name=name,
            request=Request(path),
            paginator=self.counted,
            records=result_list,
            required=required,
            announced=total,
            account=account,
            may_be_empty=False,
            empty_hint=_hint(name),
            is_needed_later=keeps is not None,
            keeps=keeps,
            changes=changes,
        )

    def counted(self) -> Paginator:
        """Pages up to the announced total."""
        return self._numbered(pages(self.size))

    def until_empty(self) -> Paginator:
        """Pages up to the first empty one: a short one may be the server's own limit."""
        return self._numbered(None)

    def _numbered(self, total_pages: Callable[[object], int | None] | None) -> Paginator:
        return PageNumber(
            page_param="PageNumber",
            size_param="PageSize",
            size=self.size,
            # Whether page 0 is page 1 again is not said anywhere, so it is never asked for.
            first=1,
            total_pages=total_pages,
            short_page_ends=False,
        )


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the lists in the order in which later ones need earlier ones."""
    lists = _Lists(page_size(account))
    is_assumed = account.flag("assume_unpublished_line_calls")
    active = account.items("active_statuses")
    rules = {
        "id": "rules",
        "currency": account.text("currency") or None,
        "account_types": list(account.items("account_types")),
        "proration_types": list(account.items("proration_types")),
    }
    return [
        lists.whole(
            "accounts",
            ACCOUNTS,
            ("accountName", "isActive"),
            keeps=only("id", "accountName"),
            changes=account_changes() if account.flag("ask_for_changed_accounts") else None,
        ),
        lists.whole(
            "contracts",
            "/v2/finance/contracts/summary",
            ("contractName", "accountName", "contractType", "status"),
            account="accountName",
            keeps=only("id", *scope.SCOPE_FIELDS),
        ),
        lists.whole("services", "/v2/admin/finance/services/lookup", ("name",)),
        Stream(
            name="account_contracts",
            paginator=SinglePage,
            records=result_list,
            children=contracts_of_namesakes,
        ),
        _plan("counting_rules", "id", lambda _earlier: [rules]),
        _plan(
            "contract_scope",
            "contract_id",
            lambda earlier: scope.contract_scope(earlier, active, on),
        ),
        *([_assumed_lines(lists)] if is_assumed else _invoice_streams(lists, account, on)),
    ]


def account_changes() -> Changes:
    """Ask for accounts changed since an instant; contracts and services have no such question."""

    def since(instant: datetime) -> Request:
        # Without a zone, as the stamps themselves are written.
        stamp = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return Request(ACCOUNTS, params={"Filter.ModifiedOnFrom": stamp})

    return Changes(
        request=since,
        stamp="modifiedOn",
        total=Request(ACCOUNTS, params={"PageSize": "1", "PageNumber": "1"}),
        count=total,
    )


def _invoice_streams(lists: _Lists, account: Account, on: date) -> list[Stream]:
    uncounted = account.items("uncounted_invoice_statuses")
    prorated = account.items("proration_types")

    def listing(earlier: Earlier) -> list[Child]:
        since = invoices.earliest_needed(earlier["contract_scope"], on)
        if since is None:
            return []
        params = {"Filter.CreatedFrom": f"{since.isoformat()}T00:00:00Z"}
        return [Child("all", Request("/v2/finance/invoices/summary", params=params))]

    return [
        Stream(
            name="invoices",
            paginator=lists.until_empty,
            records=result_list,
            required=("accountId",),
            children=listing,
            # How many fall into the window changes with the day of the month.
            is_guarded=False,
            may_be_empty=False,
            empty_hint="No invoice was made within a billing cycle of any contract, or it is"
            f" hidden. {_hint('invoices')}",
            is_needed_later=True,
            keeps=only("id", *invoices.HEAD_FIELDS),
        ),
        _plan(
            "invoice_scope",
            "invoice_id",
            lambda earlier: invoices.invoice_scope(earlier, uncounted, on),
            is_guarded=False,
        ),
        Stream(
            name="invoice_lines",
            paginator=SinglePage,
            records=lines_of_invoice,
            required=("name", "qty"),
            children=invoice_details,
            is_guarded=False,
            is_needed_later=True,
            keeps=only(*invoices.LINE_FIELDS),
        ),
        # Guarded: a role that hides some invoices would show fewer contracts with one.
        _plan(
            "last_invoices",
            "contract_id",
            lambda earlier: invoices.last_invoices(earlier, prorated),
        ),
    ]


def _assumed_lines(lists: _Lists) -> Stream:
    return Stream(
        name="contract_lines",
        paginator=lists.counted,
        records=result_list,
        required=("contractId", "serviceId", "units"),
        numbers=("units",),
        account="contractId",
        children=contract_lines,
    )


def _plan(
    name: str, key: str, plan: Callable[[Earlier], list[Record]], *, is_guarded: bool = True
) -> Stream:
    return Stream(
        name=name,
        paginator=SinglePage,
        records=bare_list,
        key=key,
        plan=plan,
        is_guarded=is_guarded,
        is_needed_later=True,
    )


def _hint(name: str) -> str:
    return f"The API employee's security role may hide them: {PERMISSIONS[name]}."


def contracts_of_namesakes(earlier: Earlier) -> list[Child]:
    """Ask accounts that share a name which contracts are theirs."""
    return [
        Child(
            parent_id=account_id,
            request=Request("/v2/finance/contracts/lookup", params={"AccountId": account_id}),
        )
        for account_id in scope.shared_names(earlier["accounts"], earlier["contracts"])
    ]


def invoice_details(earlier: Earlier) -> list[Child]:
    """Open each invoice that may be a contract's last one."""
    return [
        _child(str(invoice["id"]), "/v2/finance/invoices/{id}")
        for invoice in invoices.opened(earlier)
    ]


def contract_lines(earlier: Earlier) -> list[Child]:
    """Ask for the lines of each contract in scope."""
    return [
        _child(row["contract_id"], ASSUMED_LINES)
        for row in earlier["contract_scope"]
        if row["excluded_reason"] is None
    ]


def _child(parent_id: str, template: str) -> Child:
    path = template.replace("{id}", quote(parent_id, safe=""))
    return Child(parent_id, Request(path, template=template))


def _capabilities(title: str) -> dict[str, str]:
    return {
        "lines": "Reads units from the last invoice of each contract: the published API shows no"
        " contract lines. A change in the PSA shows with the next invoice.",
        "write_back": f"Writes nothing: the published API of {title} changes no line. Each change"
        " is an exact instruction for a person, confirmed with `reconcile done-by-hand`.",
        "unverified": "Names of statuses, of types of accounts and of types of invoice lines are"
        " your tenant's: compare active_statuses, account_types, proration_types and"
        " uncounted_invoice_statuses with it before you trust the first cards.",
        "auto_counted": "Can't tell which units the PSA counts itself (bill by agent, device or"
        " user): don't change those by hand either, its nightly job would set them back.",
    }


KASEYA_BMS = System(
    kind="kaseya_bms",
    title="Kaseya BMS",
    role=Role.PSA,
    fields=make_fields(
        title="Kaseya BMS", base_url="https://api.bms.kaseya.com", prefix="KASEYA_BMS"
    ),
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities=_capabilities("Kaseya BMS"),
)
PULSEWAY = System(
    kind="pulseway",
    title="Pulseway PSA",
    role=Role.PSA,
    fields=make_fields(
        title="Pulseway PSA",
        base_url="https://api.psa.pulseway.com",
        prefix="PULSEWAY",
        # Known of the twin only.
        asks_for_changes=False,
    ),
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities=_capabilities("Pulseway PSA"),
)
