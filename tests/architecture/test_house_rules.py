"""One name in all its places, a charter on every module, no module too long to read."""

import ast
from pathlib import Path
from typing import Any

import duckdb

from reconcile_pipeline.settings_template import template
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.sql_files import CHECKOUT, core_file, sql_folder

MOST_LINES = 400
FILLED_IN_PYTHON = {"map.service_groups", "map.moved_ids"}
"""Connected components are no work for SQL; ids of another PSA come from the ledger."""


def names_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.sql")}


def texts_of(modules: list[Any]) -> set[str]:
    """Every text written in the code, docstrings aside."""
    return {
        node.value
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_derived_table_has_its_sql_file(root: Path) -> None:
    """`recon.cards` is filled by sql/recon/cards.sql, and no file there fills nothing."""
    for schema in ("map", "recon"):
        tables = {table.name for table in TABLES.values() if table.schema == schema}
        python = {name.split(".")[1] for name in FILLED_IN_PYTHON if name.startswith(schema)}
        assert names_in(root / "sql" / schema) == tables - python


def test_every_kind_of_system_has_its_sql_file(root: Path) -> None:
    """A kind in the registry has a file that turns its pages into core rows, and the reverse."""
    assert names_in(root / "sql" / "core") == {
        *(core_file(kind).stem for kind in SYSTEMS),
        # What every system's file leaves to one that runs after it.
        "left_out",
    }


def test_every_question_is_asked(root: Path, modules: list[Any]) -> None:
    """No file of sql/asks, sql/mapping or sql/pages is left over from code that is gone."""
    for folder in ("asks", "mapping", "pages"):
        assert names_in(root / "sql" / folder) - texts_of(modules) == set()
    folders = {path.parent.name for path in (root / "sql").rglob("*.*")}
    assert folders - {"sql"} == {"asks", "core", "map", "mapping", "pages", "recon"}


def test_every_sql_file_says_what_it_is(root: Path) -> None:
    """Each file opens with a comment: grain, inputs, parameters; and DuckDB can read it."""
    for path in (root / "sql").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("-- "), path
        statements = duckdb.extract_statements(text)
        head = text.split("\n\n")[0]
        named = {name for statement in statements for name in statement.named_parameters}
        assert {name for name in named if f"${name}" not in head} == set(), path
        if path.parent.name != "core" and path.stem != "trial":
            assert len(statements) == 1, path


def test_the_sql_folder_is_the_checkouts() -> None:
    """In a checkout the files at the top are used, not copies inside the package."""
    assert sql_folder() == CHECKOUT


def test_every_module_has_a_charter(modules: list[Any]) -> None:
    """Each module opens with what lives in it."""
    assert [m.name for m in modules if not ast.get_docstring(m.tree)] == []


def test_no_module_is_too_long(modules: list[Any]) -> None:
    """Beyond 400 lines a module is two."""
    lengths = {m.name: len(m.path.read_text(encoding="utf-8").splitlines()) for m in modules}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_every_test_states_its_promise(everything: list[Any]) -> None:
    """Each test function has a docstring, and no two test files have one name."""
    tests = [m for m in everything if m.path.name.startswith("test_")]
    silent = [
        f"{module.path.name}::{node.name}"
        for module in tests
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
    assert len({module.path.name for module in tests}) == len(tests)


def test_the_example_environment_is_the_generated_one(root: Path) -> None:
    """.env.example names every secret of every kind of system, as `reconcile init` writes it."""
    _toml, env = template(SYSTEMS)
    assert (root / ".env.example").read_text(encoding="utf-8") == env, (
        "renew it: .env.example is settings_template.template(SYSTEMS)[1]"
    )


def test_every_system_has_a_guide_that_names_its_settings(root: Path) -> None:
    """Whoever sets a system up finds each of its settings on its page in docs/systems."""
    pages = root / "docs" / "systems"
    for kind, system in SYSTEMS.items():
        page = (pages / f"{kind}.md").read_text(encoding="utf-8")
        # Two kinds of one house share what their pages would repeat.
        for other in ("kaseya_bms.md", "microsoft.md"):
            if f"({other})" in page:
                page += (pages / other).read_text(encoding="utf-8")
        missing = [field.name for field in system.fields if field.name not in page]
        assert missing == [], kind
