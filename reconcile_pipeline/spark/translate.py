"""A file of `sql/map` or `sql/recon`, from DuckDB's SQL into Spark's: one tree in, one text out.

sqlglot writes the dialect; what it can't know stands here: how texts are put together, letters made
small and patterns matched, so that both engines do it alike. Values stay parameters, `$period` here
and `:period` there; none is ever written into a statement. Opens no file and no session.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from reconcile_pipeline.warehouse.sql_files import sql_file
from reconcile_pipeline.warehouse.tables import Table

SPECIAL_CAPITALS = ("\u0130\u03a3", "i\u03c3")
"""The capital dotted i, of which Java makes two signs, and sigma, which it writes in two ways."""
_TEXTS = (exp.Concat, exp.Lower, exp.RegexpReplace, exp.GroupConcat, exp.ArrayToString)


@dataclass(frozen=True)
class Translated:
    """One statement as Spark takes it."""

    text: str
    parameters: frozenset[str]
    """Names of the values it is given."""
    inputs: frozenset[str]
    """Tables it reads, as its file names them: `core.usage`, `ledger_mappings`."""
    order: tuple[str, ...]
    """Columns by which the rows are stored together; the statement itself leaves them unsorted."""


@cache
def translated(table: Table) -> Translated:
    """The statement that fills a table, in Spark's SQL."""
    return translate(parsed(sql_file(table.schema, table.name)))


def parsed(path: Path) -> exp.Query:
    """The one query of a file, as sqlglot reads DuckDB's dialect.

    Raises:
        TypeError: when the file holds something else; that is a fault of ours.
    """
    (tree,) = sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb")
    if not isinstance(tree, exp.Query):
        raise TypeError(f"{path.name} is not one query")
    return tree


def translate(tree: exp.Query) -> Translated:
    """Rewrite a query of the portable subset; see `portable.py`. The given tree stays as it is."""
    query = tree.copy()
    ordered = query.args.get("order")
    order = tuple(key.this.name for key in ordered.expressions) if ordered else ()
    # Rows are sorted when DuckDB stores them: to sort them over a cluster would be for nothing.
    query.set("order", None)
    inputs = tables_of(query)
    for source in query.find_all(exp.Table):
        name = _read_as(source)
        if name in inputs:
            source.set("this", exp.to_identifier(view_name(name)))
            source.set("db", None)
    parameters = frozenset(item.name for item in query.find_all(exp.Placeholder))
    _make_alike(query)
    return Translated(query.sql(dialect="spark", comments=False), parameters, inputs, order)


def tables_of(query: exp.Query) -> frozenset[str]:
    """Every table a query reads that is not made inside it."""
    made = {part.alias for part in query.find_all(exp.CTE)}
    return frozenset(
        _read_as(source)
        for source in query.find_all(exp.Table)
        if source.db or source.name not in made
    )


def view_name(table: str) -> str:
    """How Spark knows a table of the warehouse; its views have no schemas."""
    return table.replace(".", "__")


def _read_as(source: exp.Table) -> str:
    return f"{source.db}.{source.name}" if source.db else source.name


def _make_alike(query: exp.Query) -> None:
    """Say in the tree what only DuckDB takes for granted."""
    for joined in list(query.find_all(exp.Concat)):
        # Spark would make a decimal of '', where a number meets it; texts are texts from the start.
        joined.set("expressions", [_as_text(part) for part in joined.expressions])
    for small in list(query.find_all(exp.Lower)):
        small.set("this", _translate(small.this, *SPECIAL_CAPITALS))
    for match in list(query.find_all(exp.RegexpLike)):
        match.set("expression", _strict(match.expression))


def _as_text(part: exp.Expression) -> exp.Expression:
    return part if isinstance(part, _TEXTS) or part.is_string else exp.cast(part, "text")


def _strict(pattern: exp.Expression) -> exp.Expression:
    """A pattern in which `.` and `$` mean what they mean to DuckDB: only LF ends a line.

    Java's `$` also matches before a last line end, and its `.` stops at five signs unless (?d).
    """
    ended = exp.RegexpReplace(
        this=pattern.copy(),
        expression=exp.Literal.string(r"\$$"),
        replacement=exp.Literal.string(r"\\z"),
    )
    return exp.Concat(expressions=[exp.Literal.string("(?d)"), ended])


def _translate(text: exp.Expression, signs: str, others: str) -> exp.Expression:
    return exp.Translate(
        this=text.copy(), from_=exp.Literal.string(signs), to=exp.Literal.string(others)
    )
