"""What can't be stored, in words: a full disk, a folder that may not be written, a broken drive.

Whoever writes files wraps it in `storing`; whoever gets the sentence learns which path it is about
and that nothing that was there before is lost.
"""

import errno
import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
_BROKEN = {errno.EIO, errno.ENXIO}
_STAYS = "what was there before is unchanged."
_ADVICE = (
    (_FULL, f"Make room on that disk, then start this again; {_STAYS}"),
    (_FORBIDDEN, f"Let the account that runs this write there, then start it again; {_STAYS}"),
    (_IN_THE_WAY, "Move the file that is in the way, or set another [state] dir."),
    (_BROKEN, "Look at that disk before anything else, and at the newest backup."),
)
_DUCKDB = re.compile(r'Could not write file "([^"]+)": ([^\n]+)')


@contextmanager
def storing(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write at a place into one sentence.

    Raises:
        PipelineError: `storage`, naming the file or the place. Other errors pass unchanged.
    """
    try:
        yield
    except OSError as error:
        advice = next((text for numbers, text in _ADVICE if error.errno in numbers), None)
        if advice is None:
            raise
        where = error.filename or place
        raise _error(str(where), os.strerror(error.errno or 0), advice) from error


def check_usable(folder: Path, *inside: Path) -> None:
    """Refuse a folder that this process can't work in, before anything is begun.

    Args:
        folder: made when it is not there, but not the one it lies in: that would be a drive which
            is not mounted, and everything would begin anew on another.
        inside: what may lie in it already, and must then be ours as well.

    Raises:
        PipelineError: `storage`, naming the path, whose it is, and what to do.
    """
    if not os.path.isdir(folder.parent):  # noqa: PTH112 - Path.is_dir raises where we may not look
        raise PipelineError(
            f"{folder} can't be made: there is no folder {folder.parent}.",
            next_step="Mount the drive it is on, make that folder, or set another [state] dir.",
            category=Category.STORAGE,
        )
    with storing(folder):
        folder.mkdir(exist_ok=True)
    for place in (folder, *inside):
        needed = os.R_OK | os.W_OK
        try:
            is_ours = os.access(place, needed | os.X_OK if place.is_dir() else needed)
            is_ours = is_ours or not place.exists()
        except PermissionError:
            is_ours = False
        if not is_ours:
            raise PipelineError(
                f"{place} can't be used: {_owner_of(place)}, and this runs as {_me()}.",
                next_step=f"Run this as the account it belongs to, or let {_me()} read and write"
                f" {folder}; nothing was changed.",
                category=Category.STORAGE,
            )


def _owner_of(place: Path) -> str:
    try:
        status = place.stat()
    except OSError:
        return "it may not even be looked at"
    return f"it belongs to {_name(status.st_uid)} (mode {status.st_mode & 0o777:o})"


def _me() -> str:
    return _name(os.geteuid())


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # Containers run as numbers that nobody has named.
        return f"user {number}"


def told_by_duckdb(error: Exception) -> PipelineError | None:
    """The same for DuckDB's own errors; None when it is about something else."""
    found = _DUCKDB.search(str(error))
    if found is None:
        return None
    return _error(found[1], found[2], _ADVICE[0][1])


def _error(where: str, reason: str, advice: str) -> PipelineError:
    return PipelineError(
        f"{where} can't be written: {reason}.", next_step=advice, category=Category.STORAGE
    )
