"""Whatever is wrong ends in a sentence, its next step and the right exit code, harming nothing."""

import hashlib
import shutil
import socket
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.systems.registry import SYSTEMS

CANARY = "canary-77e2c0aa-secret"


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong: how to make it, what to run, what must be told."""

    make: Callable[[Any], object]
    arguments: tuple[str, ...]
    code: int
    told: tuple[str, ...]


def append(name: str, text: str) -> Callable[[Any], object]:
    def make(msp: Any) -> None:
        with (msp.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return make


def forbid(system: str, path: str) -> Callable[[Any], object]:
    return lambda msp: msp.server(system).faults.add(path, kind="status", value=403, times=None)


def edit(old: str, new: str) -> Callable[[Any], object]:
    return lambda msp: msp.edit_config(old, new)


def secret(variable: str, value: str) -> Callable[[Any], object]:
    return lambda msp: msp.edit_secret(variable, value)


def nothing(_msp: Any) -> None:
    """The command itself is what is wrong."""


SETTINGS, PULL_PSA = ("run",), ("pull", "--system", "connectwise")
TROUBLES = {
    "wrong key": Trouble(
        secret("PAX8_CLIENT_SECRET", CANARY),
        ("pull", "--system", "pax8"),
        1,
        ("pax8: POST /v1/token gave no token: answered 401", "Next: Check the keys of pax8"),
    ),
    "wrong PSA key": Trouble(
        secret("CONNECTWISE_PRIVATE_KEY", CANARY),
        PULL_PSA,
        1,
        ("knows the company id 'northgate' but refuses the keys", "Next: Make a new pair under"),
    ),
    "unknown company id": Trouble(
        edit('company_id = "northgate"', 'company_id = "southgate"'),
        PULL_PSA,
        1,
        ("does not know the company id 'southgate'", "Next: Correct company_id in [systems"),
    ),
    "missing permission": Trouble(
        forbid("connectwise", "/procurement/catalog$"),
        PULL_PSA,
        1,
        ("refuses the API member of connectwise to read catalogue", "Next: Let its security role"),
    ),
    "missing variable": Trouble(
        secret("NINJAONE_CLIENT_ID", ""),
        ("pull", "--system", "ninjaone"),
        1,
        ("The variable NINJAONE_CLIENT_ID", "is not set", "Next: Put NINJAONE_CLIENT_ID=..."),
    ),
    "bad CSV": Trouble(
        append("imports/backup.csv", "0001,Acme,server,Server Image Backup,many\n"),
        ("pull", "--system", "backup_csv"),
        1,
        ("backup.csv", "LAST_LINE", "Next: "),
    ),
    "malformed settings": Trouble(
        edit('[billing]\ntimezone = "UTC"', "[billing]\ntimezone = UTC"),
        SETTINGS,
        2,
        ("reconcile.toml is not valid TOML", "line 3", "Next: Correct that line"),
    ),
    "unknown setting": Trouble(
        edit("grace_days", "grace_dyas"),
        SETTINGS,
        2,
        ("[billing] has an unknown key 'grace_dyas'", "Next: Did you mean 'grace_days'?"),
    ),
    "address that is not encrypted": Trouble(
        edit('base_url = "http://127.0.0.1', 'base_url = "http://psa.example'),
        SETTINGS,
        2,
        ("[systems.connectwise] key 'base_url'", "Next: "),
    ),
    "unknown system": Trouble(
        nothing, ("pull", "--system", "pax9"), 2, ("no system 'pax9'", "Next: Did you mean 'pax8'?")
    ),
    "malformed period": Trouble(
        nothing, ("run", "--period", "November"), 2, ("'November' is not a billing", "Next: Write")
    ),
    "closed period": Trouble(
        nothing, ("run", "--period", "2020-02"), 2, ("2020-02 is closed for pulls", "Next: Pull")
    ),
    "future period": Trouble(
        nothing, ("run", "--period", "2099-01"), 2, ("2099-01 has not begun", "Next: Pull the open")
    ),
    "unknown pull to accept": Trouble(
        nothing,
        ("accept", "pax8-20260101T000000000000Z", "--reason", "they left"),
        2,
        ("There is no quarantined pull pax8-20260101T000000000000Z", "Next: Copy its name"),
    ),
    "export of another kind": Trouble(
        nothing, ("export", "cards.pdf"), 2, ("can't be exported as cards.pdf", "Next: Name a file")
    ),
    "no file of decisions": Trouble(
        nothing, ("review", "gone.xlsx", "--reviewer", "Ann"), 2, ("gone.xlsx", "Next: ")
    ),
}


def digest_of_published(msp: Any) -> tuple[Path, str]:
    with msp.state.published.open("rb") as file:
        return msp.state.published.resolve(), hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble(installed: Any, reconcile: Any, name: str) -> None:
    """Each ends in one clear sentence, its next step and its exit code; what is published stays."""
    trouble = TROUBLES[name]
    trouble.make(installed)
    before = digest_of_published(installed)
    ended = reconcile(*trouble.arguments, "--config", installed.config)
    assert ended.code == trouble.code, ended.told
    lines = (installed.folder / "imports" / "backup.csv").read_text(encoding="utf-8").splitlines()
    for words in trouble.told:
        assert words.replace("LAST_LINE", str(len(lines))) in ended.told, ended.told
    assert "Traceback" not in ended.told
    assert CANARY not in ended.told
    assert digest_of_published(installed) == before


MAPPINGS = {
    "malformed line": ("account,pax8,17", 2, "it has more or fewer fields than the header"),
    "unknown company": (
        "account,pax8,17,Acme,999999,,,mapped,",
        2,
        "the PSA has no live company with the id 999999",
    ),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_bad_mappings(installed: Any, reconcile: Any, name: str) -> None:
    """A wrong line in mappings.csv is named by its number, and nothing new is published."""
    line, code, words = MAPPINGS[name]
    append("mappings.csv", f"{line}\n")(installed)
    number = len((installed.folder / "mappings.csv").read_text(encoding="utf-8").splitlines())
    before = digest_of_published(installed)
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == code, ended.told
    assert f"mappings.csv, line {number}: {words}" in ended.told
    assert "Next: " in ended.told
    assert "Traceback" not in ended.told
    assert digest_of_published(installed) == before


def test_no_settings_at_all(reconcile: Any, own_folder: Path) -> None:
    """Without a reconcile.toml every command says where it looked and how to write one."""
    for command in ("run", "check", "pull", "rebuild"):
        ended = reconcile(command, cwd=str(own_folder))
        assert ended.code == 2, ended.told
        assert f"There is no settings file {own_folder / 'reconcile.toml'}." in ended.told
        assert "Next: Run `reconcile init`" in ended.told
    assert not list(own_folder.iterdir())


def test_nothing_to_show_yet(good_run: Any, reconcile: Any, own_folder: Path) -> None:
    """Commands that need a finished run say so when there was none."""
    config = own_folder / "reconcile.toml"
    good_run.msp.simulation.write_config(config)
    for command in (("rebuild",), ("export", "cards.xlsx")):
        ended = reconcile(*command, "--config", config, cwd=str(own_folder))
        assert ended.code == 2, ended.told
        assert "Next: Run `reconcile run` first." in ended.told


def test_wrong_usage(reconcile: Any) -> None:
    """Unknown commands and options are wrong usage, and the bare command is its help."""
    assert reconcile("recocnile").code == 2
    assert reconcile("run", "--perid", "2026-11").code == 2
    assert reconcile("simulate", "--port-base", "70000").code == 2
    ended = reconcile("--help")
    assert ended.code == 0
    data = {"demo", "init", "check", "pull", "run", "simulate", "export", "rebuild"}
    deciding = {"decide", "review", "confirm", "undo", "settle", "done-by-hand"}
    writing = {"changes", "dry-run", "write-back", "close", "reopen", "audit"}
    listed = {line.split()[0] for line in ended.out.splitlines() if line.startswith("  ")}
    assert data | deciding | writing <= listed


def test_init_then_check(reconcile: Any, own_folder: Path) -> None:
    """What `init` writes is valid, private and kept; `check` names all that is not filled in."""
    assert reconcile("init", "--folder", own_folder).code == 0
    config = own_folder / "reconcile.toml"
    systems = tomllib.loads(config.read_text(encoding="utf-8"))["systems"]
    assert list(systems) == ["connectwise", "pax8", "ninjaone"]
    assert (own_folder / ".env").stat().st_mode & 0o777 == 0o600
    before = config.read_bytes()
    again = reconcile("init", "--folder", own_folder)
    assert (again.code, config.read_bytes()) == (2, before)
    assert "exists already" in again.told
    ended = reconcile("check", "--config", config)
    assert ended.code == 1, ended.told
    for kind in systems:
        first = next(field for field in SYSTEMS[kind].fields if field.kind == "secret")
        assert f"The variable {first.variable}" in ended.told
    assert ended.told.count("is not set") == 3
    assert ended.told.count("Next: Put ") == 3
    assert "Nothing is published yet" in ended.told
    unknown = reconcile("init", "--systems", "pax9", "--folder", own_folder / "other")
    assert unknown.code == 2
    assert "Next: Kinds: " in unknown.told


def test_check_says_what_each_system_shows(installed: Any, reconcile: Any) -> None:
    """With working credentials `check` is green, and tells counts and where to start."""
    ended = reconcile("check", "--config", installed.config)
    assert ended.code == 0, ended.told
    world = installed.simulation.world
    assert f"ok companies: {len(world.companies)} " in ended.told
    assert f"ok subscriptions: {len(world.subscriptions)} " in ended.told
    assert f"ok organizations: {len(world.organizations)} " in ended.told
    assert f"ok rows: {len(world.backup_rows)} rows" in ended.told
    assert "Where to start: the services with the most billing" in ended.told
    for server in installed.simulation.systems.values():
        assert {call.status for call in server.log} == {200}


def test_check_finds_what_is_wrong(installed: Any, reconcile: Any) -> None:
    """`check` goes on after a refusal, names each with its next step, and ends red."""
    installed.edit_secret("CONNECTWISE_PUBLIC_KEY", CANARY)
    forbid("ninjaone", "/v2/devices$")(installed)
    ended = reconcile("check", "--config", installed.config)
    assert ended.code == 1
    assert "refuses the keys of connectwise" in ended.told
    assert "GET /v2/devices answered 403" in ended.told
    assert ended.told.count("Next: ") == 2
    assert "ok subscriptions: " in ended.told
    assert CANARY not in ended.told


def test_config_from_another_folder(
    good_run: Any, own_folder: Path, reconcile: Any, today: date
) -> None:
    """Settings name paths relative to themselves, wherever the command is started."""
    msp = good_run.copy_to(own_folder / "there")
    elsewhere = own_folder / "here"
    elsewhere.mkdir()
    arguments = ("pull", "--system", "backup_csv")
    named = reconcile(*arguments, "--config", "../there/reconcile.toml", cwd=str(elsewhere))
    assert named.code == 0, named.told
    variable = {"RECONCILE_CONFIG": str(msp.config)}
    assert reconcile(*arguments, cwd=str(elsewhere), environment=variable).code == 0
    assert not list(elsewhere.iterdir())
    assert len(list(msp.state.landing.glob("*/backup_csv/backup_csv-*"))) == 3
    tomorrow = f"{today + timedelta(days=40):%Y-%m}"
    assert reconcile("pull", "--period", tomorrow, "--config", msp.config).code == 2


def test_port_in_use(reconcile: Any, own_folder: Path) -> None:
    """A taken port ends `simulate` at once, with another way, and leaves no settings behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        config = own_folder / "reconcile.toml"
        ended = reconcile("simulate", "--port-base", port, "--write-config", config)
    assert ended.code == 2, ended.told
    assert "can't be served: Address already in use" in ended.told
    assert "Next: Choose another --port-base" in ended.told
    assert "Traceback" not in ended.told
    assert not config.exists()


@pytest.mark.fault(64)
def test_damaged_warehouse(installed: Any, reconcile: Any) -> None:
    """A damaged warehouse is named with the way to make it anew, and that way works."""
    before = digest_of_published(installed)
    installed.state.warehouse.write_bytes(b"not a database")
    ended = reconcile("run", "--config", installed.config)
    assert ended.code != 0
    assert "can't be opened" in ended.told
    assert "Next: Delete it and run `reconcile rebuild`" in ended.told
    assert digest_of_published(installed) == before
    installed.state.warehouse.unlink()
    assert reconcile("rebuild", "--config", installed.config).code == 0


@pytest.mark.fault(37, 68)
def test_two_runs_at_once(installed: Any, reconcile: Any) -> None:
    """A second run on one state folder is refused while the first one pulls; the first goes on."""
    other = installed.folder / "other.toml"
    shutil.copy(installed.config, other)
    refused = []

    def second(_state: Any) -> None:
        refused.append(reconcile("run", "--config", other))

    installed.server("pax8").faults.add("/companies$", kind="hook", value=second)
    ended = reconcile("pull", "--config", installed.config)
    assert ended.code == 0, ended.told
    [second_run] = refused
    assert second_run.code == 2, second_run.told
    assert "Another pull is writing to" in second_run.told
    assert "Next: Wait until it has finished" in second_run.told
