"""The files an MSP would have beside its settings: reconcile.toml, .env, mappings, the backup file.

Written so that the pipeline takes them as they are. Secrets go only into .env.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconcile_pipeline.simulators.records import (
    AUTOTASK,
    BACKUP_CSV,
    CONNECTWISE,
    NINJAONE,
    PAX8,
    World,
)

SECRETS = {
    CONNECTWISE: {
        "public_key": "CONNECTWISE_PUBLIC_KEY",
        "private_key": "CONNECTWISE_PRIVATE_KEY",
        "client_id": "CONNECTWISE_CLIENT_ID",
    },
    AUTOTASK: {
        "user": "AUTOTASK_USER",
        "secret": "AUTOTASK_SECRET",
        "integration_code": "AUTOTASK_INTEGRATION_CODE",
    },
    PAX8: {"client_id": "PAX8_CLIENT_ID", "client_secret": "PAX8_CLIENT_SECRET"},
    NINJAONE: {"client_id": "NINJAONE_CLIENT_ID", "client_secret": "NINJAONE_CLIENT_SECRET"},
}
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


def write_config(
    path: Path,
    world: World,
    base_urls: Mapping[str, str],
    credentials: Mapping[str, Mapping[str, str]],
    *,
    state_dir: str = ".reconcile",
) -> None:
    """Write `path` (reconcile.toml) and what belongs beside it; existing files are replaced.

    Both mappings are by system; a system that is in neither is not written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_toml(world, base_urls, credentials, state_dir), encoding="utf-8")
    lines = [
        f"{variable}={credentials[system][field]}\n"
        for system, fields in SECRETS.items()
        if system in credentials
        for field, variable in fields.items()
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
            "usage" if row.kind == "service" else "",
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


def _toml(
    world: World,
    base_urls: Mapping[str, str],
    credentials: Mapping[str, Mapping[str, str]],
    state_dir: str,
) -> str:
    """Settings as text; the values are ours, so none needs quoting beyond its quotes."""
    tables = [
        "# Settings of a made-up MSP, served on this machine by `reconcile simulate`.",
        '[billing]\ntimezone = "UTC"\ncurrency = "USD"\ngrace_days = 3',
        f'first_period = "{world.as_of.year}-01"\n',
        f'[state]\ndir = "{state_dir}"\n',
        '[mappings]\nfile = "mappings.csv"\n',
        "[evidence]\nstale_after_hours = 24\nmax_row_drop = 0.20\nmax_account_drop = 0.10\n",
    ]
    for system in filter(base_urls.__contains__, SECRETS):
        fields, known = SECRETS[system], credentials[system]
        lines = [f"[systems.{system}]"]
        # Autotask's address is asked for at its zone_url.
        if system != AUTOTASK:
            lines.append(f'base_url = "{base_urls[system]}"')
        plain = ("token_url", "company_id", "zone_url")
        lines += [f'{name} = "{known[name]}"' for name in plain if name in known]
        lines += [f'{field} = {{ env = "{variable}" }}' for field, variable in fields.items()]
        if system == CONNECTWISE:
            lines.append("agreement_types = []")
        if system == AUTOTASK:
            lines += ['currency = "USD"', 'database = "northgate"']
        tables.append("\n".join(lines) + "\n")
    tables.append(f'[systems.{BACKUP_CSV}]\nkind = "csv"\npath = "imports/backup.csv"')
    return "\n".join(tables) + "\n"
