"""What browsers get from the installation itself: checked, licensed, and nothing from outside."""

import hashlib
import re
from pathlib import Path

import pytest

from reconcile_pipeline import web

STATIC = Path(web.__file__).parent / "static"
TEMPLATES = Path(web.__file__).parent / "templates"


def test_the_vendored_script_is_what_its_checksum_says() -> None:
    """Whoever changes a byte of it, or updates it, has to say so; its licence lies beside it."""
    lines = (STATIC / "htmx.SHA256SUMS").read_text("utf-8").split("\n")
    sums = dict(reversed(line.split()) for line in lines if line)
    assert "htmx.min.js" in sums
    for name, wanted in sums.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == wanted, name
    assert "Copyright" in (STATIC / "htmx.LICENSE").read_text("utf-8") or "Zero-Clause" in (
        STATIC / "htmx.LICENSE"
    ).read_text("utf-8")


@pytest.mark.parametrize(
    "path", [*sorted(TEMPLATES.glob("*.html")), STATIC / "app.css"], ids=lambda path: path.name
)
def test_no_page_asks_another_host(path: Path) -> None:
    """No picture, style, font or script from elsewhere: pages work without the internet."""
    text = path.read_text("utf-8")
    assert not re.search(r"""(?:src|@import|url\()\s*=?\s*["']?(?:https?:)?//""", text)
    assert not re.search(r"<link[^>]+href=[\"'](?:https?:)?//", text)


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_holds_a_script_or_style(path: Path) -> None:
    """The policy forbids inline code, so a page with some would quietly lose it."""
    text = path.read_text("utf-8")
    assert not re.search(r"<script(?![^>]+src=)", text)
    assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:", text)
