"""A state folder that can't be worked in: told at the very start, with what to do."""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "reconcile"
NOBODY = 65534
LONGEST_SECONDS = 60
DROP_FOR_GOOD = 24
"""PR_CAPBSET_DROP of Linux."""
RIGHTS_OF_ROOT = (1, 2, 3)
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: to read and write what is not one's own."""
TOML = """
[billing]
timezone = "UTC"
currency = "USD"
first_period = "2026-01"

[state]
dir = "{place}"

[systems.connectwise]
base_url = "https://127.0.0.1:9"
company_id = "x"
public_key = {{ env = "PUBLIC" }}
private_key = {{ env = "PRIVATE" }}
client_id = {{ env = "CLIENT" }}
"""


def as_anybody() -> None:
    """Give up what root may do to other people's files: containers often run as root."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for right in RIGHTS_OF_ROOT:
            if libc.prctl(DROP_FOR_GOOD, right, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "state").mkdir()
    yield tmp_path
    (tmp_path / "state").chmod(0o755)


def run(folder: Path, place: str = "state") -> str:
    """What `reconcile run` says; it must end by itself, with exit code 1 and one sentence."""
    config = folder / "reconcile.toml"
    config.write_text(TOML.format(place=place), encoding="utf-8")
    secrets = dict.fromkeys(("PUBLIC", "PRIVATE", "CLIENT"), "x")
    done = subprocess.run(  # noqa: S603 - our own command
        [PROGRAM, "run", "--config", config],
        preexec_fn=as_anybody,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
        env=os.environ | secrets,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "", "it began to work"
    return done.stderr


def read_only(state: Path) -> None:
    state.chmod(0o555)


def another_owner(state: Path) -> None:
    """Made by a run as somebody else, as after a `sudo`."""
    (state / "ledger.db").write_bytes(b"")
    if os.geteuid() == 0:
        os.chown(state / "ledger.db", NOBODY, NOBODY)
        (state / "ledger.db").chmod(0o600)
    else:
        (state / "ledger.db").chmod(0)


@pytest.mark.parametrize("spoil", [read_only, another_owner])
@pytest.mark.fault(61)
def test_a_folder_that_is_not_ours_to_write(folder: Path, spoil: Callable[[Path], None]) -> None:
    """The path, whose it is and who we are; nobody is sent to a backup, and nothing is begun."""
    spoil(folder / "state")
    before = sorted(path.name for path in (folder / "state").iterdir())
    told = run(folder)
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert f"Error: {folder / 'state'}" in told
    assert "can't be used: it belongs to" in told
    assert f"this runs as {me}." in told
    assert f"let {me} read and write {folder / 'state'}; nothing was changed." in told
    assert "backup" not in told
    assert sorted(path.name for path in (folder / "state").iterdir()) == before


@pytest.mark.fault(61)
def test_a_drive_that_is_not_mounted(folder: Path) -> None:
    """A folder whose own folder is missing is not made: everything would begin anew beside it."""
    told = run(folder, "drive/reconcile")
    assert f"Error: {folder / 'drive/reconcile'} can't be made: there is no folder" in told
    assert "Next:  Mount the drive it is on" in told
    assert not (folder / "drive").exists()
