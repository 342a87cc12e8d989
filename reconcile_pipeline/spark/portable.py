"""Which SQL of `sql/map` and `sql/recon` both engines read alike: a list of what was tried.

Everything a statement is made of has to stand in the lists below; whatever else is in it is
refused by name, with what to write instead. Some of what is listed is alike only under a condition,
which is checked, too. Reads trees of sqlglot, runs nothing.
"""

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from reconcile_pipeline.spark.parts import FROM_LEDGER
from reconcile_pipeline.spark.translate import tables_of
from reconcile_pipeline.warehouse.catalogue import TABLES

_SHAPE = {
    *(exp.Select, exp.With, exp.CTE, exp.TableAlias, exp.From, exp.Join, exp.Where, exp.Group),
    *(exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Window, exp.Union, exp.Subquery),
    *(exp.Paren, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Table, exp.Literal, exp.Null),
    *(exp.Boolean, exp.Placeholder, exp.DataType, exp.DataTypeParam, exp.Distinct),
}
_OPERATORS = {
    *(exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.IntDiv, exp.Div),
    *(exp.In, exp.Like, exp.Escape, exp.Exists, exp.Case, exp.If, exp.Coalesce, exp.Cast),
}
_FUNCTIONS = {
    *(exp.Concat, exp.Left, exp.MD5, exp.Lower, exp.RegexpReplace, exp.RegexpLike),
    *(exp.Abs, exp.Ceil, exp.Floor, exp.Greatest, exp.Least),
    *(exp.Sum, exp.Max, exp.Min, exp.Count, exp.RowNumber),
    *(exp.ArrayAgg, exp.ArraySort, exp.ArrayToString, exp.GroupConcat),
}
KNOWN = _SHAPE | _OPERATORS | _FUNCTIONS
_ONE_OF_TIES = "one of several rows by chance: use qualify row_number() over (… a total order …)"
INSTEAD: dict[type[exp.Expr], str] = {
    exp.Filter: "filter (where …): put a case into the aggregate",
    exp.Lambda: "a lambda: write the rows out as a table",
    exp.Bracket: "an index into a list: join the row that is meant",
    exp.Struct: "a struct: name the columns",
    exp.ArgMax: f"max_by, {_ONE_OF_TIES}",
    exp.ArgMin: f"min_by, {_ONE_OF_TIES}",
    exp.First: f"first, {_ONE_OF_TIES}",
    exp.AnyValue: f"any_value, {_ONE_OF_TIES}",
    exp.Limit: "limit: which rows it leaves is by chance",
    exp.Offset: "offset: which rows it leaves is by chance",
    exp.Upper: "upper: Java makes two letters of ß",
    exp.Trim: "trim: DuckDB takes away other spaces than Spark",
    exp.TryCast: "try_cast: what can't be cast has to be an error",
    exp.Mod: "%: not tried on both engines",
}
_TYPES = {"TEXT", "VARCHAR", "DECIMAL(18, 4)", "BIGINT", "BOOLEAN", "DATE", "TIMESTAMP", "DOUBLE"}
_JOINS = {"", "INNER", "LEFT", "FULL", "CROSS", "OUTER"}
_ANCHORED = re.compile(r"\^.*|.*[^\\]\$", re.DOTALL)


def objections(tree: exp.Query) -> list[str]:
    """What is outside the subset, each as a phrase: the construct, and what to write instead."""
    found = [_unknown(node) for node in tree.walk() if type(node) not in KNOWN]
    for check in _CHECKS:
        found += check(tree)
    return list(dict.fromkeys(found))


def _unknown(node: exp.Expr) -> str:
    if type(node) in INSTEAD:
        return INSTEAD[type(node)]
    name = node.name if isinstance(node, exp.Anonymous) else node.key
    return f"{name}: not tried on both engines; try it there, then list it in portable.py"


def _stars(tree: exp.Query) -> Iterator[str]:
    for star in tree.find_all(exp.Star):
        if any(star.args.values()):
            yield "* exclude or replace: name the columns"
        elif isinstance(star.parent, exp.Select):
            yield "a bare *, or from without select: name the columns"
    for query in _compared_by_position(tree):
        if any(column.is_star for column in query.expressions):
            yield "* in the last select or in a union: name the columns"


def _compared_by_position(tree: exp.Query) -> Iterator[exp.Select]:
    """The selects whose columns are taken in their order: the last one, and the sides of unions."""
    outer = {id(side) for union in tree.find_all(exp.Union) for side in (union.left, union.right)}
    for query in tree.find_all(exp.Select):
        if query is tree or id(query) in outer:
            yield query


def _groups(tree: exp.Query) -> Iterator[str]:
    for group in tree.find_all(exp.Group):
        if group.args.get("all") or any(key.name.lower() == "all" for key in group.expressions):
            yield "group by all: name the columns"
        if any(key.is_int for key in group.expressions):
            yield "group by a number: name the column"
    for distinct in tree.find_all(exp.Distinct):
        if distinct.args.get("on"):
            yield f"distinct on, {_ONE_OF_TIES}"


def _lists(tree: exp.Query) -> Iterator[str]:
    for made in tree.find_all(exp.ArrayAgg):
        if made.find(exp.Order):
            yield "an aggregate with order by, but for string_agg: use list_sort(list(…))"
        elif not isinstance(made.parent, exp.ArraySort):
            yield "list(…) without list_sort around it: its order is by chance"
    for joined in tree.find_all(exp.GroupConcat):
        order = joined.find(exp.Order)
        if order is None or not _is_total(order):
            yield "string_agg without a total order: let its order by end in an id"


def _windows(tree: exp.Query) -> Iterator[str]:
    for window in tree.find_all(exp.Window):
        order = window.args.get("order")
        if isinstance(window.this, exp.RowNumber):
            if order is None or not _is_total(order):
                yield "row_number() without a total order: let its order by end in an id"
        elif order is not None or window.args.get("spec"):
            yield "a running aggregate: rows of equal rank come in by chance"


def _is_total(order: exp.Order) -> bool:
    """As far as it shows: the last key is an id, which no two rows of a group share."""
    return str(order.expressions[-1].this.name).endswith("_id")


def _aliases(tree: exp.Query) -> Iterator[str]:
    """DuckDB lets a select read the names it gives; Spark would take a column of that name."""
    for query in tree.find_all(exp.Select):
        given = {item.alias for item in query.expressions if isinstance(item, exp.Alias)}
        for column in query.find_all(exp.Column):
            is_own = column.find_ancestor(exp.Select, exp.CTE) is query
            # An order by at the end is meant to read them.
            is_ordering = isinstance(column.parent, exp.Ordered) and column.parent.parent is (
                query.args.get("order")
            )
            if is_own and not column.table and column.name in given and not is_ordering:
                yield f"the alias {column.name} read in the select that gives it: repeat the term"


def _numbers(tree: exp.Query) -> Iterator[str]:
    for division in tree.find_all(exp.Div):
        if not all(_is_cast(side, "DOUBLE") for side in (division.left, division.right)):
            yield "/ of anything but two doubles: cast both, or divide whole numbers with //"
    for whole in tree.find_all(exp.IntDiv):
        if not all(_is_within_cast(column, "BIGINT") for column in whole.find_all(exp.Column)):
            yield "// of anything but whole numbers: cast every column in it to bigint"
    for cast in tree.find_all(exp.Cast):
        kind = cast.to.sql(dialect="duckdb")
        if kind not in _TYPES:
            yield f"a cast to {kind.lower()}: the tables have text, decimal(18, 4), bigint and such"


def _is_cast(node: exp.Expr, kind: str) -> bool:
    inner = node.unnest()
    return isinstance(inner, exp.Cast) and inner.to.sql(dialect="duckdb") == kind


def _is_within_cast(column: exp.Column, kind: str) -> bool:
    above = column.parent
    while above is not None and not isinstance(above, exp.IntDiv):
        if _is_cast(above, kind):
            return True
        above = above.parent
    return False


def _texts(tree: exp.Query) -> Iterator[str]:
    for found in tree.find_all(exp.RegexpReplace):
        pattern = found.expression
        # DuckDB replaces the first match, Spark every one: only one may be possible.
        if not (pattern.is_string and _ANCHORED.fullmatch(pattern.name)):
            yield "regexp_replace without ^ or $: it replaces once there, everywhere here"
        if found.args.get("modifiers"):
            yield "regexp_replace with options: not tried on both engines"


def _sources(tree: exp.Query) -> Iterator[str]:
    for join in tree.find_all(exp.Join):
        if join.args.get("using") or join.method or {join.side, join.kind} - _JOINS:
            yield "a join but inner, left, full outer or cross with on: write the condition out"
    for union in tree.find_all(exp.Union):
        if union.args.get("by_name"):
            yield "union by name: put the columns in order"
    for source in tree.find_all(exp.Table):
        if source.db and not source.alias:
            yield f"{source.db}.{source.name} without an alias: Spark knows it by another name"
    for name in sorted(tables_of(tree) - TABLES.keys() - FROM_LEDGER.keys()):
        yield f"{name or 'a function'} as a table: only those of the warehouse are in the lake"


_CHECKS: tuple[Callable[[exp.Query], Iterator[str]], ...] = (
    _stars,
    _groups,
    _lists,
    _windows,
    _aliases,
    _numbers,
    _texts,
    _sources,
)
