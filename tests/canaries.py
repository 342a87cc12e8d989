"""Looks for secrets in everything a test run left behind: files, tables, pages, logs, history.

What is secret is read from the `.env` files of the installations that the tests made; tokens that
simulated vendors handed out are known by their beginning. Each is looked for as it is, URL-encoded
and in base64. Compressed stores are unpacked first; `grep` looks for all of them at once.
"""

import base64
import hashlib
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SHORTEST = 8
"""Shorter values are no secrets: a user's name, a region."""
KEEPS_SECRETS = ".env"
LARGEST = 20_000_000
"""Larger parts of a workbook are the bombs that tests make."""
BROKEN = (duckdb.Error, sqlite3.Error, UnicodeDecodeError, zipfile.BadZipFile, pa.ArrowException)
"""Stores that a test broke on purpose: they are looked at as they are."""
MAY_HOLD = ("--exclude=.env", "--exclude=reconcile.toml", "--exclude=*.py")
"""The first keeps secrets; into the second some tests paste one, to see it refused; the third are
copies of our own source."""
NO_SECRETS = ("_USER", "_USERNAME", "_COMPANY_ID", "_TENANT", "_SUBDOMAIN", "_CLIENT_ID")
"""Names of variables whose values people may see: they name somebody, and open nothing."""


def secrets_in(folder: Path) -> dict[str, str]:
    """Every secret of the installations below a folder: value -> the variable it is named."""
    found = {}
    for path in folder.rglob(KEEPS_SECRETS):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = (part.strip() for part in line.partition("="))
            if (
                len(value) >= SHORTEST
                and not name.startswith("#")
                and not name.endswith(NO_SECRETS)
            ):
                found[value] = name
    return found


def forms_of(secret: str) -> Iterator[str]:
    """A secret as it is, URL-encoded, and in base64 at each of the three places it may begin."""
    yield secret
    yield quote(secret, safe="")
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + secret.encode()).decode()
        # The first and the last letters depend on what stands beside it.
        yield coded[4 if offset else 0 : -4]


def leaks_in(folder: Path) -> list[str]:
    """Files below a folder that hold a secret, or a table of theirs; the secrets are not told."""
    secrets = secrets_in(folder)
    with TemporaryDirectory() as made:
        unpacked, patterns = Path(made) / "unpacked", Path(made) / "patterns"
        unpacked.mkdir()
        forms = {form for secret in secrets for form in forms_of(secret)}
        patterns.write_text("\n".join(sorted(forms)))
        for number, path in enumerate(_distinct(_stores(folder))):
            target = unpacked / str(number)
            target.mkdir()
            (target / "of").write_text(str(path.relative_to(folder)))
            with suppress(*BROKEN):
                _unpack(path, target)
        found = [str(Path(name).relative_to(folder)) for name in _grep(patterns, folder)]
        for name in _grep(patterns, unpacked):
            of = (Path(name).parent / "of").read_text()
            found.append(f"{of}: {Path(name).name}")
    return sorted(found)


def _stores(folder: Path) -> Iterator[Path]:
    """Files whose bytes do not show what they hold."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".duckdb", ".parquet", ".db", ".xlsx") and not path.is_symlink():
            yield path


def _distinct(paths: Iterable[Path]) -> Iterator[Path]:
    """Tests copy whole installations: each content once."""
    seen = set()
    for path in paths:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        if content not in seen:
            seen.add(content)
            yield path


def _unpack(path: Path, target: Path) -> None:
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            asked = "select schema_name, table_name from duckdb_tables() where not internal"
            for schema, table in connection.execute(asked).fetchall():
                file = target / f"{schema}.{table}.csv"
                connection.execute(f"copy {schema}.{table} to '{file}'")
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        texts = [column.to_pylist() for column in table.columns if column.type == pa.string()]
        said = "\n".join(str(text) for column in texts for text in column)
        (target / "rows").write_text(said, encoding="utf-8")
    elif path.suffix == ".xlsx":
        _unzip(path, target)
    else:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as book:
            (target / "dump.sql").write_text("\n".join(book.iterdump()), encoding="utf-8")


def _unzip(path: Path, target: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for number, item in enumerate(archive.infolist()):
            if item.file_size < LARGEST:
                (target / f"part-{number}").write_bytes(archive.read(item))


def _grep(patterns: Path, folder: Path) -> list[str]:
    """The files that hold one of the patterns, byte for byte."""
    done = subprocess.run(  # noqa: S603 - our own paths
        ["/usr/bin/env", "grep", "-r", "-a", "-l", "-F", "-f", patterns, *MAY_HOLD, folder],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode > 1 and not done.stdout:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()
