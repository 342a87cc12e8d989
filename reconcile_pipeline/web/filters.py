"""Which cards a list shows: the query string of the address, read and written.

The address is the whole state of a list: a bookmark is a saved view, and back always works.
"""

from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from reconcile_pipeline.model import Category, Decision, Finding, PipelineError

SIZES = (50, 100, 250)
SORTS = ("money", "customer", "service", "difference", "age")
GROUPS = ("", "customer", "service", "agreement")
VIEWS = ("list", "cards")
LONGEST = 200
STANDS = {
    "open": ("open", "reopened"),
    "decided": ("decided", "waiting"),
    "stuck": ("needs_person",),
    "applied": ("applied",),
    "quiet": ("quiet",),
    "settled": ("nothing_to_do",),
    "all": (),
}
"""What people choose -> the states of a card it means; "all" means any."""


@dataclass(frozen=True)
class Filter:
    """What a list shows, in which order, and which page of it."""

    q: str = ""
    customer: str = ""
    """A company's id."""
    service: str = ""
    """A service group's id."""
    vendor: str = ""
    """A system's name."""
    type: tuple[str, ...] = ()
    """Findings; none means any."""
    status: str = "open"
    decision: str = ""
    min_abs: str = ""
    """Money at stake at least, per billing cycle."""
    sort: str = "-money"
    """One of SORTS; a minus in front: largest first."""
    group: str = ""
    view: str = "list"
    size: int = SIZES[1]
    page: int = 1

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """Read a query string.

        Raises:
            PipelineError: `input`, for a value that means nothing, naming those that do.
        """
        plain = {
            name: str(query.get(name) or "").strip()[:LONGEST]
            for name in ("q", "customer", "service", "vendor")
        }
        return cls(
            **plain,
            type=tuple(
                _one_of("type", str(value), [*Finding]) for value in query.getlist("type") if value
            ),
            status=_one_of("status", str(query.get("status") or "open"), STANDS),
            decision=_one_of("decision", str(query.get("decision") or ""), ["", *Decision]),
            min_abs=_amount(str(query.get("min_abs") or "")),
            sort=_sort(str(query.get("sort") or "-money")),
            group=_one_of("group", str(query.get("group") or ""), GROUPS),
            view=_one_of("view", str(query.get("view") or "list"), VIEWS),
            size=_whole("size", str(query.get("size") or SIZES[1]), most=SIZES[-1]),
            page=_whole("page", str(query.get("page") or 1), most=10**6),
        )

    def but(self, **changes: Any) -> Self:  # noqa: ANN401 - any field
        """Return the same with other values; the first page, unless a page is given."""
        return replace(self, **{"page": 1, **changes})

    def query(self, **more: str) -> str:
        """Write the query string, leaving out what is as usual; `more` comes first."""
        usual = asdict(type(self)())
        said = {
            name: value for name, value in asdict(self).items() if value not in (usual[name], "")
        }
        return urlencode({**more, **said}, doseq=True)

    @property
    def conditions(self) -> dict[str, object]:
        """Which cards, as the SQL files take it: null where nothing is asked."""
        return {
            "q": self.q or None,
            "customer": self.customer or None,
            "service": self.service or None,
            "vendor": self.vendor or None,
            "findings": list(self.type) or None,
            "statuses": list(STANDS[self.status]) or None,
            "decision": self.decision or None,
            "min_abs": Decimal(self.min_abs) if self.min_abs else None,
        }

    @property
    def parameters(self) -> dict[str, object]:
        """Which cards, in which order, and which page of them."""
        return {
            **self.conditions,
            "group": self.group,
            "sort": self.sort.lstrip("-"),
            "is_descending": self.sort.startswith("-"),
            "limit": self.size,
            "offset": (self.page - 1) * self.size,
        }

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the state limits the list."""
        return self.but(sort="-money", group="", view="list", size=SIZES[1], status="open") != (
            type(self)()
        )


def _one_of(name: str, value: str, allowed: Any) -> str:  # noqa: ANN401 - any collection
    if value in allowed:
        return value
    told = ", ".join(str(each) for each in allowed if each)
    raise PipelineError(
        f"{value[:40]!r} is no value of the filter {name}.",
        next_step=f"Use one of: {told}.",
        category=Category.INPUT,
    )


def _sort(value: str) -> str:
    _one_of("sort", value.lstrip("-"), SORTS)
    return value


def _amount(value: str) -> str:
    text = value.strip().replace(",", "")
    try:
        is_amount = not text or Decimal(text) >= 0
    except InvalidOperation:
        is_amount = False
    if is_amount:
        return text
    raise PipelineError(
        f"{value[:40]!r} is no amount of money.",
        next_step="Enter a number such as 50 or 12.50.",
        category=Category.INPUT,
    )


def _whole(name: str, value: str, *, most: int) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= most:
        return int(value)
    raise PipelineError(
        f"{value[:40]!r} is no number for {name}.",
        next_step=f"Use a whole number from 1 to {most:,}.",
        category=Category.INPUT,
    )
