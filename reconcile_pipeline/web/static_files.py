"""Style sheet, script and pictures of the pages; each address changes with its content."""

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


@cache
def address_of(name: str) -> str:
    """`/static/<name>?<hash>`: a browser may keep it, and never shows an old one."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    return f"/static/{name}?{digest[:12]}"


class KeptFiles(StaticFiles):
    """Static files that browsers may keep for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Say so."""
        answer = await super().get_response(path, scope)
        if answer.status_code == HTTPStatus.OK:
            answer.headers["Cache-Control"] = FOREVER
        return answer
