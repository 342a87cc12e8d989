from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.systems.base import REQUIRED
from reconcile_pipeline.systems.registry import SYSTEMS

MakeAccount = Callable[..., SystemSettings]
"""(kind, **settings) -> an account with its required fields filled in."""


@pytest.fixture
def make_account(tmp_path: Path) -> MakeAccount:
    def make(kind: str, **settings: Any) -> SystemSettings:
        system = SYSTEMS[kind]
        table: dict[str, Any] = {}
        environ: dict[str, str] = {}
        for field in system.fields:
            if field.kind == "secret":
                table[field.name] = {"env": field.variable}
                environ[field.variable] = f"secret-{field.name}"
            elif field.default is REQUIRED:
                table[field.name] = field.example
        return SystemSettings(
            name=f"our_{kind}",
            kind=kind,
            title=system.title,
            role=system.role,
            folder=tmp_path,
            values=read_table(Table("reconcile.toml", kind), table | settings, system.fields),
            secrets=SecretSource(tmp_path, environ),
        )

    return make
