"""The SQL of map and recon keeps to what DuckDB and Spark read alike; needs sqlglot, no Spark."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from reconcile_pipeline.spark.portable import objections
from reconcile_pipeline.spark.translate import parsed, translate
from reconcile_pipeline.warehouse.sql_files import sql_folder

FILES = sorted(
    path for schema in ("map", "recon") for path in (sql_folder() / schema).glob("*.sql")
)
OUTSIDE = {
    "group by all": "select usage.system from core.usage as usage group by all",
    "group by a number": "select usage.system from core.usage as usage group by 1",
    "* exclude": "select usage.* exclude (qty) from core.usage as usage",
    "* in the last select": "select usage.* from core.usage as usage",
    "a bare *": "select * from core.usage as usage",
    "from without select": "from core.usage as usage",
    "* in the last select or in a union": "with a as (select usage.* from core.usage as usage union"
    " all select usage.* from core.usage as usage) select a.qty from a",
    "filter (where …)": "select sum(usage.qty) filter (where usage.qty > 0) as qty"
    " from core.usage as usage",
    "a lambda": "select list_transform(list_sort(list(usage.qty)), lambda x: x + 1) as qties"
    " from core.usage as usage",
    "an index into a list": "select list_sort(list(usage.qty))[1] as qty from core.usage as usage",
    "a struct": "select {'qty': usage.qty} as pair from core.usage as usage",
    "max_by": "select max_by(usage.qty, usage.as_of) as qty from core.usage as usage",
    "min_by": "select arg_min(usage.qty, usage.as_of) as qty from core.usage as usage",
    "first, one": "select first(usage.qty) as qty from core.usage as usage",
    "any_value": "select any_value(usage.qty) as qty from core.usage as usage",
    "distinct on": "select distinct on (usage.system) usage.system from core.usage as usage",
    "limit": "select usage.qty from core.usage as usage limit 1",
    "offset": "select usage.qty from core.usage as usage offset 1",
    "an aggregate with order by": "select list_sort(list(usage.qty order by usage.as_of)) as qties"
    " from core.usage as usage",
    "without list_sort": "select array_to_string(list(usage.system), ',') as systems"
    " from core.usage as usage",
    "string_agg without a total order": "select string_agg(usage.system, ',' order by usage.qty)"
    " as systems from core.usage as usage",
    "row_number() without a total order": "select usage.qty from core.usage as usage"
    " qualify row_number() over (partition by usage.system order by usage.qty desc) = 1",
    "a running aggregate": "select sum(usage.qty) over (order by usage.as_of) as qty"
    " from core.usage as usage",
    "the alias doubled": "select usage.qty * 2 as doubled, doubled + 1 as more"
    " from core.usage as usage",
    "the alias small": "select lower(usage.system) as small from core.usage as usage"
    " where small = 'a'",
    "/ of anything but two doubles": "select usage.qty / 7 as share from core.usage as usage",
    "// of anything but whole numbers": "select usage.qty // 7 as share from core.usage as usage",
    "a cast to double[]": "select cast(usage.qty as double[]) as qty from core.usage as usage",
    "a cast to real": "select cast(usage.qty as real) as qty from core.usage as usage",
    "a cast to decimal(20, 2)": "select cast(usage.qty as decimal(20, 2)) as qty"
    " from core.usage as usage",
    "regexp_replace without ^ or $": "select regexp_replace(usage.system, 'a', '') as system"
    " from core.usage as usage",
    "regexp_replace with options": "select regexp_replace(usage.system, 'a$', '', 'g') as system"
    " from core.usage as usage",
    "upper": "select upper(usage.system) as system from core.usage as usage",
    "trim": "select trim(usage.system) as system from core.usage as usage",
    "try_cast": "select try_cast(usage.system as bigint) as n from core.usage as usage",
    "reverse": "select reverse(usage.system) as system from core.usage as usage",
    "jaccard": "select jaccard(usage.system, 'a') as near from core.usage as usage",
    "a join but": "select usage.qty from core.usage as usage"
    " join core.pulls as pulls using (pull_id)",
    "union by name": "select usage.qty from core.usage as usage union all by name"
    " select usage.qty from core.usage as usage",
    "core.usage without an alias": "select usage.qty from core.usage",
    "as a table": "select numbers.n from numbers",
    "a function as a table": "select files.n from read_parquet('a') as files",
}


INSIDE = (
    """select usage.qty from core.usage as usage
    qualify row_number() over (partition by usage.system order by usage.qty, usage.account_id) = 1
    """,
    """select string_agg(usage.system, ',' order by usage.account_id) as systems
    from core.usage as usage""",
    "select cast(usage.qty as double) / cast(7 as double) as share from core.usage as usage",
    "select cast(usage.qty as bigint) // 7 as share from core.usage as usage",
    "with a as (select usage.* from core.usage as usage) select a.qty from a order by qty",
    "select mappings.item_id from ledger_mappings as mappings",
)


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_every_file_is_portable(path: Path) -> None:
    """Each file of sql/map and sql/recon is made of what both engines were tried with."""
    assert objections(parsed(path)) == [], f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("construct", list(OUTSIDE))
def test_what_is_outside_is_named(construct: str) -> None:
    """A construct that the engines read differently is refused, by its name."""
    tree = sqlglot.parse_one(OUTSIDE[construct], read="duckdb")
    assert isinstance(tree, exp.Query)
    assert any(construct in each for each in objections(tree)), objections(tree)


@pytest.mark.parametrize("query", INSIDE)
def test_what_is_inside_is_let_through(query: str) -> None:
    """Conditions are asked of what needs them, and of nothing else."""
    tree = sqlglot.parse_one(query, read="duckdb")
    assert isinstance(tree, exp.Query)
    assert objections(tree) == []


def test_values_stay_parameters() -> None:
    """A statement for Spark names its values, `:period`, and holds none of them."""
    for path in FILES:
        done = translate(parsed(path))
        assert done.parameters <= {"period", "pull_id"}
        assert all(f":{name}" in done.text for name in done.parameters)
        assert not any(f"${name}" in done.text for name in done.parameters)


def test_tables_are_told_from_what_a_query_makes() -> None:
    """What a statement reads is known by schema and name, though a part of it has the same name."""
    tree = sqlglot.parse_one(
        "with usage as (select usage.qty from core.usage as usage) select usage.qty from usage"
        " order by qty",
        read="duckdb",
    )
    assert isinstance(tree, exp.Query)
    done = translate(tree)
    assert done.inputs == {"core.usage"}
    assert "FROM core__usage AS usage" in done.text
    assert done.order == ("qty",)
    assert "ORDER" not in done.text
