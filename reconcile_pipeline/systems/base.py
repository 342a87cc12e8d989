"""What an external system is to the pipeline: its settings, its client, its streams.

A system module declares; the landing room does the pulling. No Dagster, no disk, no SQL here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol

from reconcile_pipeline.http import ApiClient, Paginator, Request, WritingClient
from reconcile_pipeline.model import Role
from reconcile_pipeline.systems.writing import WriteBack

Record = dict[str, Any]
REQUIRED = object()
PARENT = "(parent)"
"""As a stream's `account`: a record belongs to whom its sub-call was made for."""


@dataclass(frozen=True)
class Field:
    """One setting of a system, as `reconcile init` writes it and settings check it."""

    name: str
    help: str
    kind: Literal["text", "secret", "url", "number", "flag", "list"] = "text"
    default: object = REQUIRED
    example: str = ""
    variable: str = ""
    """Name of the environment variable that holds a secret, as written to .env.example."""


class Account(Protocol):
    """One configured system: typed reads of its settings; secrets resolve only when asked for."""

    name: str
    kind: str

    def text(self, name: str) -> str:
        """A text or url."""

    def number(self, name: str) -> float:
        """A number."""

    def flag(self, name: str) -> bool:
        """A yes or no."""

    def items(self, name: str) -> tuple[str, ...]:
        """A list of texts."""

    def secret(self, name: str) -> str:
        """A secret, looked up now."""


@dataclass(frozen=True)
class Child:
    """One sub-call of a stream, for one parent record (the lines of one agreement)."""

    parent_id: str
    request: Request


@dataclass(frozen=True)
class Changes:
    """How a list is asked for what changed since an instant, and what proves that to be all.

    A record that the vendor deleted is in no such answer: only `total` tells that one is gone.
    """

    request: Callable[[datetime], Request]
    """Builds the first request for the records changed at or after an instant in UTC."""
    stamp: str | None = None
    """Dotted path of a record's change stamp; None where records have none: then the next question
    goes back to the `Date` of the answer, which is the vendor's clock too."""
    total: Request | None = None
    """Asks how many records the whole list has now, in one cheap call."""
    count: Callable[[Any], int | None] = lambda _data: None
    """Reads that number off the answer; None if it does not tell."""
    least_overlap: timedelta = timedelta(0)
    """Goes back at least so far, where the settings allow less."""


@dataclass(frozen=True)
class Stream:
    """One list of an API: how it pages, what proves that it is whole, what identifies a record."""

    name: str
    paginator: Callable[[], Paginator]
    records: Callable[[Any], list[Record]]
    request: Request | None = None
    """The list's first request; None when `children` makes one request per parent."""
    key: str = "id"
    also_key: tuple[str, ...] = ()
    """Further dotted paths, where only all of them together identify a record."""
    required: tuple[str, ...] = ()
    """Dotted paths that must be present and not null, or the pull is refused as `shape`."""
    numbers: tuple[str, ...] = ()
    """Dotted paths that must be JSON numbers with at most four decimals."""
    announced: Callable[[Any], int | None] = lambda _data: None
    """The total the server claims on a page, where it claims one."""
    is_announced_once: bool = False
    """Only the first page's total is one: later pages say 0, or how many are left."""
    is_proven_elsewhere: bool = False
    """Other lists tell what this one lacks: it need not be read twice to prove itself whole."""
    is_guarded: bool = True
    """Shrinking is suspicious; false for lists that may well get shorter, like rejected rows."""
    account: str | None = None
    """Dotted path of the account a usage record belongs to, or PARENT; feeds the shrink guard."""
    may_be_empty: bool = True
    empty_hint: str = ""
    """What to check when a stream that must not be empty is."""
    withheld: tuple[str, ...] = ()
    """Names of text fields that hold keys, anywhere on a page: they are landed as null."""
    is_needed_later: bool = False
    """Keep the parsed records until the pull ends, for a later stream's `children` or `plan`."""
    keeps: Callable[[Record], Record] | None = None
    """What of a record later streams read, where lists are long; None: all of it."""
    children: Callable[[Mapping[str, Sequence[Record]]], list[Child]] | None = None
    changes: Changes | None = None
    """How to ask for changes only; None: this list is always read in full."""
    plan: Callable[[Mapping[str, Sequence[Record]]], list[Record]] | None = None
    """Rows landed instead of fetched: which parents are asked and why others are not."""


@dataclass(frozen=True)
class Document:
    """Records read from a file rather than an API; landed like one page of a list."""

    stream: str
    name: str
    records: list[Record]


@dataclass(frozen=True)
class System:
    """One kind of external system. `reconcile_pipeline.systems.registry` lists them all."""

    kind: str
    title: str
    role: Role
    fields: tuple[Field, ...]
    streams: Callable[[Account, date], list[Stream]]
    """Streams in pulling order; the date is the instant's day in the billing time zone."""
    client: Callable[[Account], ApiClient] | None = None
    read: Callable[[Account, date, datetime], list[Document]] | None = None
    """For files and inboxes: the documents to land; `streams` then only names keys and fields.

    Takes the day as `streams` does, and the instant of the pull."""
    diagnose: Callable[[ApiClient, Account, Exception], Any] | None = None
    """Async: turns a refusal into a plainer error (unknown company id or wrong key?)."""
    write_back: WriteBack | None = None
    """How a PSA takes changed quantities; None: a person gets an exact instruction instead."""
    writer: Callable[[Account], WritingClient] | None = None
    """The client that can change something; made by the write-back job and by nothing else."""
    tenant: Callable[[Account], str] | None = None
    """Names the tenant that changes would go to, for the person who switches writing on."""
    probes: Mapping[str, Callable[[Account], Awaitable[str]]] = field(default_factory=dict)
    """By topic: async, finds out for `reconcile check` what no document tells, in a sentence."""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    """Plain sentences for `reconcile check`: what this system can and can't do for us."""
