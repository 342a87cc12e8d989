"""Turns a template and its values into an answer; everything put into a page is escaped.

Undefined names are errors: a page with a hole in it must not look finished.
"""

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reconcile_pipeline.web import words
from reconcile_pipeline.web.connections import STATES
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.shell import PLACES, shell_of
from reconcile_pipeline.web.static_files import address_of

SEE_OTHER = 303


@cache
def environment() -> Environment:
    """The templates of this room, compiled once."""
    found = Environment(
        loader=PackageLoader("reconcile_pipeline.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "quantity": words.quantity,
        "entered": words.entered,
        "signed": words.signed,
        "money": words.money,
        "signed_money": words.signed_money,
        "at": words.at,
        "many": words.many,
        "code": words.code,
    }
    found.globals |= {
        "words": words,
        "static": address_of,
        "shell_of": shell_of,
        "places": PLACES,
        "states": STATES,
    }
    return found


def page(call: Call, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - a template's values
    """Render a whole page for somebody."""
    text = environment().get_template(template).render(call=call, now=call.desk.now(), **values)
    return HTMLResponse(text, status)


def fragment(
    call: Call,
    template: str,
    *,
    status: int = 200,
    tell: dict[str, object] | None = None,
    **values: Any,  # noqa: ANN401 - a template's values
) -> Response:
    """Render a part of a page for htmx; `tell` reaches our script as the event `told`."""
    answer = page(call, template, status=status, **values)
    if tell is not None:
        answer.headers["HX-Trigger"] = json.dumps({"told": tell})
    return answer


def moved_on(address: str) -> Response:
    """Answer a form that was taken: the browser shows `address`, and a reload sends nothing."""
    return RedirectResponse(address, SEE_OTHER)
