"""Style sheet, script and pictures of the pages; each address changes with its content."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


@cache
def address_of(name: str) -> str:
    """`/static/<name>?<hash>`: a browser may keep it, and never shows an old one."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    return f"/static/{name}?{digest[:12]}"


class KeptFiles(StaticFiles):
    """Static files that browsers may keep for good."""

    def file_response(self, *args: object, **options: object) -> FileResponse:  # type: ignore[override]
        """Say so."""
        answer = super().file_response(*args, **options)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = FOREVER
        return answer
