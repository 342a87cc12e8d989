"""One specification per warehouse table: grain, key, columns, and what each column means.

Everything that describes a table is derived from here: the DDL, the comments analysts read, the
Pandera schema, the column schema in the Dagster UI. Add a table here first, then its SQL file of
the same name. No SQL logic and no Pandera import here: Pandera costs two seconds at import.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "decimal", "integer", "boolean", "date", "timestamp"]

SQL_TYPES: dict[Kind, str] = {
    "text": "varchar",
    "decimal": "decimal(18,4)",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means, and whether it may be unknown (null)."""

    name: str
    kind: Kind
    comment: str
    is_nullable: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: `schema.name` is also its asset key and its SQL file."""

    schema: str
    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        """`recon.cards`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.columns)


def text(name: str, comment: str, *, null: bool = False, allowed: tuple[str, ...] = ()) -> Column:
    """A text column."""
    return Column(name, "text", comment, null, allowed)


def decimal(name: str, comment: str, *, null: bool = False) -> Column:
    """A quantity or an amount: DECIMAL(18,4), never float."""
    return Column(name, "decimal", comment, null)


def integer(name: str, comment: str, *, null: bool = False) -> Column:
    """A whole number."""
    return Column(name, "integer", comment, null)


def boolean(name: str, comment: str, *, null: bool = False) -> Column:
    """A yes or no."""
    return Column(name, "boolean", comment, null)


def day(name: str, comment: str, *, null: bool = False) -> Column:
    """A calendar day."""
    return Column(name, "date", comment, null)


def instant(name: str, comment: str, *, null: bool = False) -> Column:
    """An instant in UTC."""
    return Column(name, "timestamp", comment, null)


PERIOD = text("period", "Billing period, YYYY-MM, a calendar month in the billing time zone.")
SYSTEM = text("system", "The system's name in reconcile.toml.")
PULL = text("pull_id", "The pull this row was read in; see core.pulls.")
EXCLUDED = text(
    "excluded_reason", "Why this record is left out of billing; null when it counts.", null=True
)
