"""The file of accounts: who may read it, what may stand in it, and how it changes."""

import os
import stat
from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.web.access import passwords
from reconcile_pipeline.web.access.passwords import (
    SHORTEST,
    generated_password,
    is_password,
    is_password_line,
    password_line,
)
from reconcile_pipeline.web.access.users import ROLES, Account, Role, UsersFile, clean_name

SALT, HASH = "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
GOOD = f"scrypt$n=32768,r=8,p=1${SALT}${HASH}"


def written(folder: Path, text: str | bytes, mode: int = 0o600) -> UsersFile:
    path = folder / "users.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return UsersFile(path)


def entry(name: str = '"ann"', role: str = '"viewer"', password: str = f'"{GOOD}"') -> str:
    return f"[users.{name}]\nrole = {role}\npassword = {password}\n"


def test_accounts_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Every role, a name with every sign, an account without a password."""
    file = UsersFile(tmp_path / "users.toml")
    wanted = {str(role): Account(str(role), role, GOOD) for role in ROLES}
    wanted["a.b_c+d-e@msp.com"] = Account("a.b_c+d-e@msp.com", Role.VIEWER)
    with file.changing() as accounts:
        accounts.update(wanted)
    assert UsersFile(file.path).accounts() == wanted
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["users.toml"]


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Neither half a file nor a forgotten one beside it."""
    file = written(tmp_path, entry())
    changing = file.changing()
    changing.__enter__().clear()
    assert not changing.__exit__(KeyError, KeyError(), None)
    assert list(UsersFile(file.path).accounts()) == ["ann"]
    assert [path.name for path in tmp_path.iterdir()] == ["users.toml"]


def test_the_file_is_read_again_when_it_is_another(tmp_path: Path) -> None:
    """Changed in place or replaced, also within one tick of the clock and with the same length."""
    file = written(tmp_path, entry())
    assert file.accounts()["ann"].role == "viewer"
    first = file.accounts()
    assert file.accounts() is first, "it was read for nothing"
    other = tmp_path / "other.toml"
    other.write_text(entry(name='"bob"'), encoding="utf-8")
    other.chmod(0o600)
    status = file.path.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file.path)
    assert list(file.accounts()) == ["bob"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can write it is an admin, whoever can read it can guess at leisure."""
    with pytest.raises(PipelineError, match="may be read or written by others") as caught:
        written(tmp_path, entry(), mode).accounts()
    assert caught.value.next_step == f"chmod 600 {tmp_path / 'users.toml'}"
    assert caught.value.category is Category.SETTINGS


def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner could write it at any time, whatever its mode says now."""
    file = written(tmp_path, entry())
    if os.geteuid() == 0:
        os.chown(file.path, 4243, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: file.path.stat().st_uid + 1)
    with pytest.raises(PipelineError, match="belongs to another user"):
        file.accounts()


DAMAGED: dict[str, str | bytes] = {
    "half a line": '[users."ann"]\nrole = "vie',
    "no TOML": "ann:admin:secret-hash",
    "a name twice": entry() + entry(),
    "no UTF-8": b'[users."\xe9"]',
    "another table": '[user."ann"]\n' + entry(),
    "a key outside": 'admin = "ann"\n' + entry(),
    "users that are no table": 'users = "ann"',
    "a user that is no table": 'users.ann = "admin"',
    "an unknown role": entry(role='"boss"'),
    "the role of nobody": entry(role='"nobody"'),
    "a role that is a number": entry(role="4"),
    "a role that is a list": entry(role="[]"),
    "no password": '[users."ann"]\nrole = "admin"\n',
    "one key more": entry() + 'note = "x"\n',
    "a password in plain text": entry(password='"four quiet llamas"'),
    "a password that is no text": entry(password="1"),
    "another hash": entry(password='"$2b$12$abcdefghijklmnopqrstuv"'),
    "a weaker hash": entry(password=f'"scrypt$n=16384,r=8,p=1${SALT}${HASH}"'),
    "a hash without end": entry(password=f'"scrypt$n=1073741824,r=8,p=1${SALT}${HASH}"'),
    "a cost that is no power of two": entry(password=f'"scrypt$n=40000,r=8,p=1${SALT}${HASH}"'),
    "no cost": entry(password=f'"scrypt$n=,r=8,p=1${SALT}${HASH}"'),
    "a short salt": entry(password=f'"scrypt$n=32768,r=8,p=1$AAAA${HASH}"'),
    "a cut hash": entry(password=f'"{GOOD[:-5]}"'),
    "a name in capitals": entry(name='"Ann"'),
    "a name with a line break": entry(name='"ann\\nadmin"'),
    "a name with markup": entry(name='"<b>ann</b>"'),
    "an empty name": entry(name='""'),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_every_damage_is_one_sentence(tmp_path: Path, damage: str) -> None:
    """It names the file, tells what to do, quotes no hash, and lets nobody in."""
    with pytest.raises(PipelineError) as caught:
        written(tmp_path, DAMAGED[damage]).accounts()
    error = caught.value
    assert error.message.startswith("The users file users.toml ")
    assert error.message.endswith(".")
    assert error.next_step
    assert "\n" not in error.message + error.next_step
    assert HASH not in str(error)
    assert "secret-hash" not in str(error)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    """The first account is one command away."""
    with pytest.raises(PipelineError, match="can't be read: No such file") as caught:
        UsersFile(tmp_path / "users.toml").accounts()
    assert "reconcile users add NAME --role admin" in caught.value.next_step


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ann", "ann"),
        (" ann@MSP.com ", "ann@msp.com"),
        ("a" * 80, "a" * 80),
        ("a" * 81, None),
        ("ann lee", None),
        ("änn", None),
        ("\u212aann", None),  # the sign of the kelvin, whose small letter is k
        ("-ann", None),
        ("", None),
        ("ann\n", "ann"),
        ("ann\nadmin", None),
        ("ann\x00", None),
        ("../ann", None),
        ('ann"]', None),
        ("ann;", None),
    ],
)
def test_a_name_has_one_spelling(typed: str, name: str | None) -> None:
    """Two people where there is one would pass for four eyes."""
    assert clean_name(typed) == name


def test_roles_are_ordered_by_what_they_may() -> None:
    """Not by their letters, in which a viewer would be above an admin."""
    assert sorted(Role, key=lambda role: role.rank) == ["nobody", *ROLES]
    assert max(Role) == "admin"
    assert Role.VIEWER < Role.REVIEWER < Role.APPROVER < Role.ADMIN
    assert Role.VIEWER <= Role.VIEWER >= Role.NOBODY
    assert Role.ADMIN > "viewer"


def test_a_password_fits_its_own_line_only() -> None:
    """A fresh salt each time; another case, another letter or nothing at all doesn't fit."""
    word = "Pâté for the llamas"
    lines = [password_line(word), password_line(word)]
    assert lines[0] != lines[1]
    assert all(is_password_line(line) for line in lines)
    assert is_password(word, lines[0])
    assert is_password("Pa\u0302te\u0301 for the llamas", lines[1]), "typed on another keyboard"
    for wrong in (word.lower(), word[:-1], "", "a" * 5000):
        assert not is_password(wrong, lines[0])


def test_a_password_is_long_enough_to_be_hard_to_guess() -> None:
    """Twelve characters or more, and not so many that hashing them is an attack."""
    for word in ("", "a" * (SHORTEST - 1), "a" * 201):
        with pytest.raises(PipelineError, match=f"has {len(word)} characters") as caught:
            password_line(word)
        assert caught.value.category is Category.INPUT
    assert SHORTEST == 12
    assert len({generated_password() for _ in range(50)}) == 50
    assert len(generated_password()) >= 24


def test_nobodys_line_fits_not_even_its_own_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unknown names are compared with is never right, whatever the hash comes out as."""
    monkeypatch.setattr(passwords, "_scrypt", lambda _password, kept: kept.digest)
    assert is_password("four quiet llamas", GOOD)
    assert not is_password("four quiet llamas", "")
    assert not is_password("four quiet llamas", "damaged")
