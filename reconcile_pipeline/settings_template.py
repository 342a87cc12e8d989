"""The commented reconcile.toml and .env that `reconcile init` writes.

Generated from the same declarations that check the files, so they can't disagree. Writes no
file itself.
"""

import json
import textwrap
from collections.abc import Iterable

from reconcile_pipeline.model import Role
from reconcile_pipeline.settings_checks import default_of, example_line
from reconcile_pipeline.settings_compute import COMPUTE_FIELDS
from reconcile_pipeline.settings_notify import NOTIFY_FIELDS
from reconcile_pipeline.settings_review import REVIEW_FIELDS
from reconcile_pipeline.settings_tables import TABLES
from reconcile_pipeline.systems.base import REQUIRED, Field, System
from reconcile_pipeline.systems.registry import system as system_of_kind

_TOML_HEAD = """\
# Settings of reconcile_pipeline. Lines that start with "# " before a key show its default, or
# an example: uncomment them to change it. Secrets never stand here, only the names of the
# variables that hold them; their values go into .env beside this file, or into the environment.
"""
_ROLES = {Role.PSA: "the PSA", Role.VENDOR: "a vendor"}
_ENV_HEAD = """\
# Secrets of reconcile_pipeline. Copy this file to .env beside reconcile.toml and fill it in;
# never commit that copy. A variable of the real environment wins over this file, and
# NAME_FILE=/path/to/file may stand for NAME=value.
"""


def template(kinds: Iterable[str]) -> tuple[str, str]:
    """Return the texts of reconcile.toml and .env.example for these kinds of systems.

    Raises:
        PipelineError: `settings`, for a kind that does not exist.
    """
    systems = [system_of_kind(kind) for kind in kinds]
    toml = [_TOML_HEAD]
    toml += [_table(name, fields) for name, fields in TABLES.items()]
    toml += [_system_table(system) for system in systems]
    own = [("Digests", NOTIFY_FIELDS), ("Review app", REVIEW_FIELDS), ("Spark", COMPUTE_FIELDS)]
    named = [*own, *((system.title, system.fields) for system in systems)]
    secrets = [_variables(title, fields) for title, fields in named if _secrets(fields)]
    return "\n".join(toml), "\n".join([_ENV_HEAD, *secrets])


def _system_table(system: System) -> str:
    title = _comment(f"{system.title}: {_ROLES[system.role]}.")
    return title + _table(f"systems.{system.kind}", system.fields)


def _table(name: str, fields: Iterable[Field]) -> str:
    lines = [f"[{name}]\n"]
    for field in fields:
        lines.append(_comment(field.help))
        lines.append(_line(field))
    return "".join(lines)


def _line(field: Field) -> str:
    if field.default is REQUIRED:
        return f"{example_line(field)}\n"
    if field.kind == "secret":
        return f"# {example_line(field)}\n"
    value = default_of(field)
    if isinstance(value, float):
        return f"# {field.name} = {value:g}\n"
    # JSON writes texts, true, false and lists of texts just as TOML does.
    shown = json.dumps(field.example if value == "" else value, ensure_ascii=False)
    return f"# {field.name} = {shown}\n"


def _secrets(fields: Iterable[Field]) -> list[Field]:
    return [field for field in fields if field.kind == "secret"]


def _variables(title: str, fields: Iterable[Field]) -> str:
    lines = [f"# {title}\n"]
    for field in _secrets(fields):
        lines.append(_comment(field.help))
        lines.append(f"{field.variable}=\n")
    return "".join(lines)


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, width=90))
