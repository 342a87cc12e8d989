"""Which file on this machine an account's `path` means, and its bytes.

Exactly one file, inside the folder it was said to be in, of a size that can be a list of counts.
What is in it is not looked at here.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.systems.vendors.csv_header import refuse

_GLOB = "*?["
_LISTED_FILES = 5
_BYTES_PER_MEGABYTE = 1024 * 1024


def find_file(folder: Path, pattern: str, period: str) -> Path:
    """Return the one regular file that a path or pattern means.

    The file must lie, links followed, inside the settings file's folder; for an absolute pattern
    inside the folder that stands before its first wildcard.

    Raises:
        PipelineError: `input`, saying what was found instead.
    """
    wanted = PurePath(pattern.replace("{period}", period))
    root, relative = _split(folder, wanted)
    if ".." in wanted.parts:
        raise refuse(f"The path {pattern!r} leads out of its folder.", "Write it without '..'.")
    if any(character in str(relative) for character in _GLOB):
        # Names that start so are what editors and Excel leave beside an open file.
        found = sorted(
            path for path in root.glob(str(relative)) if not path.name.startswith((".", "~$"))
        )
    else:
        found = [root / relative] if (root / relative).exists() else []
    if len(found) != 1:
        raise _not_one(root, str(relative), found)
    path = found[0]
    if not path.resolve().is_relative_to(root.resolve()):
        raise refuse(
            f"The file {path.name} is a link to a place outside {root}.",
            "Put the file itself there.",
        )
    if not path.is_file():
        raise refuse(f"{path} is not a file.", "Point 'path' at a CSV file.")
    return path


def _split(folder: Path, wanted: PurePath) -> tuple[Path, PurePath]:
    """Split a path into the folder the file may not leave, and the rest."""
    if not wanted.is_absolute():
        return folder, wanted
    fixed = 1
    while fixed < len(wanted.parts) - 1 and not set(_GLOB) & set(wanted.parts[fixed]):
        fixed += 1
    return Path(*wanted.parts[:fixed]), PurePath(*wanted.parts[fixed:])


def _not_one(root: Path, pattern: str, found: Sequence[Path]) -> PipelineError:
    if not found:
        return refuse(
            f"No file matches {pattern!r} in {root}.", "Put the export there, or correct 'path'."
        )
    names = ", ".join(path.name for path in found[:_LISTED_FILES])
    more = f" and {len(found) - _LISTED_FILES} more" if len(found) > _LISTED_FILES else ""
    return refuse(
        f"{len(found)} files match {pattern!r}, and only one can be meant: {names}{more}.",
        "Move the old ones away, or put {period} into 'path'.",
    )


def read_bytes(path: Path, max_megabytes: float) -> bytes:
    """Return the content of a file that is not too large; `input` error if it is."""
    most = int(max_megabytes * _BYTES_PER_MEGABYTE)
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            content = file.read(most + 1)
            after = path.stat()
    except OSError as error:
        raise refuse(
            f"The file {path} can't be read: {error.strerror}.", "Correct its owner and mode."
        ) from error
    if len(content) > most:
        raise refuse(
            f"The file {path.name} is larger than {max_megabytes:g} MB.",
            "Export less, or raise 'max_megabytes'.",
        )
    kept = ("st_ino", "st_size", "st_mtime_ns")
    if any(getattr(before, name) != getattr(after, name) for name in kept):
        raise refuse(f"The file {path.name} was replaced while it was being read.", "Pull again.")
    return content
