"""The files an MSP would have beside its settings: reconcile.toml, .env, mappings, the backup file.

Written so that the pipeline takes them as they are. Secrets go only into .env.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconcile_pipeline.simulators.server import Simulator
from reconcile_pipeline.simulators.world.records import BACKUP_CSV, World

MAPPING_COLUMNS = (
    "kind",
    "system",
    "id",
    "name",
    "target_id",
    "leg",
    "multiplier",
    "state",
    "reason",
)
BACKUP_COLUMNS = ("account_id", "account_name", "service_key", "service_name", "quantity")


@dataclass(frozen=True)
class MadeUp:
    """One served system, and where it is."""

    app: Simulator
    base_url: str

    def table(self) -> str:
        """Its table of reconcile.toml; the values are ours, so none needs more than quotes."""
        app = self.app
        lines = [f"[systems.{app.name}]"]
        if app.url_setting:
            lines.append(f'{app.url_setting} = "{self.base_url}"')
        plain = app.credentials.keys() - app.secrets.keys() - app.settings.keys()
        lines += [f'{name} = "{app.credentials[name]}"' for name in sorted(plain)]
        lines += [f'{name} = {{ env = "{variable}" }}' for name, variable in app.secrets.items()]
        lines += [f"{name} = {value}" for name, value in app.settings.items()]
        return "\n".join(lines) + "\n"


def write_config(
    path: Path, world: World, systems: Sequence[MadeUp], *, state_dir: str = ".reconcile"
) -> None:
    """Write `path` (reconcile.toml) and what belongs beside it; existing files are replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_toml(world, systems, state_dir), encoding="utf-8")
    lines = [
        f"{variable}={system.app.credentials[field]}\n"
        for system in systems
        for field, variable in system.app.secrets.items()
    ]
    environment = path.parent / ".env"
    environment.touch(mode=0o600, exist_ok=True)
    environment.chmod(0o600)
    environment.write_text("".join(lines), encoding="utf-8")
    write_mappings(path.parent / "mappings.csv", world)
    write_backup(path.parent / "imports" / "backup.csv", world)


def write_mappings(path: Path, world: World) -> None:
    """The spreadsheet in which a person keeps what names alone can't tell."""
    rows = [
        (
            row.kind,
            row.system,
            row.id,
            row.name,
            row.target_id,
            row.leg if row.kind == "service" else "",
            "1" if row.kind == "service" else "",
            row.state,
            row.reason,
        )
        for row in world.mappings
    ]
    _write_csv(path, MAPPING_COLUMNS, rows)


def write_backup(path: Path, world: World) -> None:
    """The backup vendor's file of the month."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        (row.account_id, row.account_name, row.service_key, row.service_name, f"{row.quantity:f}")
        for row in world.backup_rows
    ]
    _write_csv(path, BACKUP_COLUMNS, rows)


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _toml(world: World, systems: Sequence[MadeUp], state_dir: str) -> str:
    tables = [
        "# Settings of a made-up MSP, served on this machine by `reconcile simulate`.",
        '[billing]\ntimezone = "UTC"\ncurrency = "USD"\ngrace_days = 3',
        f'first_period = "{world.as_of.year}-01"\n',
        f'[state]\ndir = "{state_dir}"\n',
        '[mappings]\nfile = "mappings.csv"\n',
        "[evidence]\nstale_after_hours = 24\nmax_row_drop = 0.20\nmax_account_drop = 0.10\n",
        *(system.table() for system in systems),
        f'[systems.{BACKUP_CSV}]\nkind = "csv"\npath = "imports/backup.csv"',
    ]
    return "\n".join(tables) + "\n"
