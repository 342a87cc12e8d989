"""Logging in as people do: the form, its mistakes, roles that see no buttons, and the way out."""

import re
from typing import Any

import pytest


@pytest.fixture
def secured(office: Any) -> Any:
    """The same month, served with accounts: one viewer."""
    config = office.config.with_name("secured.toml")
    text = office.config.read_text(encoding="utf-8")
    config.write_text(text.replace("port = 0", 'port = 0\nusers_file = "users.toml"'), "utf-8")
    other = type(office)(office.simulation, config)
    said = other.run("users", "add", "vera", "--role", "viewer", "--generate")
    (other.password,) = re.findall(r"\b[A-Za-z0-9_-]{20,}", said)
    other.serve()
    yield other
    other.stop()


def test_a_viewer_logs_in_looks_and_logs_out(secured: Any, visit: Any, violations: Any) -> None:
    """A wrong password is told, the right one leads on, a viewer has no button to decide with."""
    page = visit(secured).open("/review?type=over_billed")
    assert "/login" in page.url
    assert violations(page) == []
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    assert "wrong" in page.locator("main").inner_text()
    assert violations(page) == []
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(secured.password)
    page.get_by_role("button", name="Log in").click()
    page.locator("tr.card").first.wait_for()
    assert "type=over_billed" in page.url
    assert page.locator("tr.card button").count() == 0
    assert "vera" in page.locator("header").inner_text()
    assert violations(page) == []
    page.goto(secured.address + "/import")
    assert page.locator("input[type=file]").count() == 0
    assert violations(page) == []
    page.get_by_role("button", name="Log out").click()
    page.goto(secured.address + "/")
    assert "/login" in page.url
