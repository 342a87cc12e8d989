"""What `reconcile init` writes: loads, explains itself, agrees with what is checked."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import PipelineError, Role
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_tables import TABLES
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.systems.base import REQUIRED
from reconcile_pipeline.systems.registry import SYSTEMS

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "reconcile.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("psa", [kind for kind in SYSTEMS if SYSTEMS[kind].role is Role.PSA])
def test_the_written_file_loads(tmp_path: Path, psa: str) -> None:
    """A newcomer's first file is valid as it stands, for every PSA and all vendors."""
    vendors = [kind for kind in SYSTEMS if SYSTEMS[kind].role is Role.VENDOR]
    settings = load_settings(write(tmp_path, template([psa, *vendors])[0]), environ={})
    assert [system.kind for system in settings.systems] == [psa, *vendors]


@pytest.mark.parametrize("psa", [kind for kind in SYSTEMS if SYSTEMS[kind].role is Role.PSA])
def test_every_shown_default_may_be_uncommented(tmp_path: Path, psa: str) -> None:
    """A commented line is a working line: it names a real key with a value of its type."""
    vendors = [kind for kind in SYSTEMS if SYSTEMS[kind].role is Role.VENDOR]
    kinds = [psa, *vendors]
    text, _env = template(kinds)
    optional = {
        field.name
        for fields in [*TABLES.values(), *(SYSTEMS[kind].fields for kind in kinds)]
        for field in fields
        if field.default is not REQUIRED
    }
    lines = [
        line.removeprefix("# ")
        if line.startswith("# ") and line[2:].partition(" = ")[0] in optional
        else line
        for line in text.splitlines()
    ]
    plain = load_settings(write(tmp_path, text), environ={})
    uncommented = load_settings(write(tmp_path, "\n".join(lines)), environ={})
    assert uncommented.grace_days == plain.grace_days
    assert uncommented.state_dir == plain.state_dir
    for system, other in zip(plain.systems, uncommented.systems, strict=True):
        for field in SYSTEMS[system.kind].fields:
            assert f"{field.name} = " in text
            if field.default not in (REQUIRED, ""):
                assert other.values[field.name] == system.values[field.name]


def test_every_secret_of_every_system_has_its_line_in_the_env_file() -> None:
    """Nobody has to guess the name of a variable."""
    env = template(SYSTEMS)[1].splitlines()
    for system in SYSTEMS.values():
        for field in system.fields:
            if field.kind == "secret":
                assert field.variable
                assert f"{field.variable}=" in env


def test_the_env_example_of_this_repository_is_the_generated_one() -> None:
    """.env.example never falls behind the systems there are."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == template(SYSTEMS)[1]


def test_an_unknown_kind_is_refused_with_the_one_meant() -> None:
    """`reconcile init` with a misspelled system says which one was meant."""
    with pytest.raises(PipelineError, match="pax8"):
        template(["connectwise", "pax"])
