"""Check one table of reconcile.toml against its declared fields, in words a person can act on.

The fields are declared elsewhere (in `settings` for our own tables, in each system's module for
its table). Reads no files and no environment, and never repeats a value that may be a secret.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import REQUIRED, Field

_LARGEST = 1e12
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True)
class SecretName:
    """Where a secret is to be found; never the secret itself."""

    variable: str


Value = str | float | bool | tuple[str, ...] | SecretName


@dataclass(frozen=True)
class Table:
    """A place in the settings file that an error can point at."""

    file: str
    name: str

    def refuse(self, what: str, next_step: str) -> PipelineError:
        """Build the error for this table; `what` completes "reconcile.toml: [table] ..."."""
        return PipelineError(
            f"{self.file}: [{self.name}] {what}.", next_step=next_step, category=Category.SETTINGS
        )


class _Unfit(Exception):  # noqa: N818 - becomes an error of the table that holds the value
    """A value does not fit its field: what is wrong, and what to write instead."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


def read_table(table: Table, raw: object, fields: Sequence[Field]) -> dict[str, Value]:
    """Return every field's value by name, defaults filled in.

    Raises:
        PipelineError: `settings`, at the first unknown key, missing field or unfit value.
    """
    if not isinstance(raw, dict):
        raise table.refuse(
            "must be a table", f"Write [{table.name}] on a line of its own, its keys below."
        )
    known = {field.name: field for field in fields}
    for key in raw:
        if key not in known:
            raise table.refuse(f"has an unknown key {key!r}", suggestion(key, known, "keys"))
    values: dict[str, Value] = {}
    for field in fields:
        if field.name in raw:
            try:
                values[field.name] = _CHECKS[field.kind](field, raw[field.name])
            except _Unfit as unfit:
                what = f"key {field.name!r} {unfit.what}"
                raise table.refuse(what, unfit.next_step) from None
        elif field.default is REQUIRED:
            raise table.refuse(f"has no {field.name!r}", f"Add: {example_line(field)}")
        else:
            values[field.name] = default_of(field)
    return values


def suggestion(word: str, known: Iterable[str], noun: str) -> str:
    """Name the known word that was probably meant, or list them all."""
    words = sorted(known)
    close = difflib.get_close_matches(word.lower(), words, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"The {noun} it may have: {', '.join(words)}."


def default_of(field: Field) -> Value:
    """Return an optional field's default in the type its reads give."""
    value = field.default
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"field {field.name} has a default that no setting can hold")


def example_line(field: Field) -> str:
    """Write the field as a line of reconcile.toml would."""
    if field.kind == "secret":
        return f'{field.name} = {{ env = "{field.variable}" }}'
    if field.kind in ("number", "flag", "list"):
        return f"{field.name} = {field.example}"
    return f'{field.name} = "{field.example}"'


def _text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _unfit_type(field, "text in quotes", value)
    text = value.strip()
    if not text and field.default != "":
        raise _Unfit("is empty", f"Fill it in, for example: {example_line(field)}")
    if not text.isprintable():
        raise _Unfit("holds a character that can't be printed", "Type it again by hand.")
    return text


def _url(field: Field, value: object) -> str:
    text = _text(field, value).rstrip("/")
    if not text:
        return text
    meant = f"Write it like this: {example_line(field)}"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise _Unfit("is not a web address", meant) from None
    if parts.username is not None or parts.password is not None:
        raise _Unfit(
            "holds a user name or password", "Leave only the address; secrets go into .env."
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise _Unfit("is not a plain web address", meant)
    if parts.scheme == "http" and not is_loopback(host):
        raise _Unfit(
            "would send credentials unencrypted over http://",
            "Write https://; plain http is accepted for this machine only (127.0.0.1).",
        )
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unfit_type(field, "a number without quotes", value)
    if not -_LARGEST <= value <= _LARGEST:  # also false for nan
        raise _Unfit("is not a usable number", f"Write, for example: {example_line(field)}")
    return float(value)


def _flag(field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _unfit_type(field, "true or false without quotes", value)
    return value


def _list(field: Field, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _unfit_type(field, "a list in brackets", value)
    for item in value:
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise _unfit_type(field, "a list of texts or whole numbers", value)
    return tuple(str(item).strip() for item in value)


def _secret(field: Field, value: object) -> SecretName:
    step = f"Write {example_line(field)} and put the value into .env beside this file."
    if isinstance(value, str):
        raise _Unfit("holds a secret in plain text", f"{step} Consider this one exposed: renew it.")
    if not isinstance(value, Mapping) or set(value) != {"env"}:
        raise _Unfit("must name an environment variable", step)
    variable = value["env"]
    # Names are upper case only, so that a secret pasted in place of the name is noticed here,
    # before an error about a missing variable would print it.
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
        raise _Unfit("does not hold the name of an environment variable", step)
    return SecretName(variable)


def _unfit_type(field: Field, expected: str, value: object) -> _Unfit:
    found = {str: "text", bool: "true/false", dict: "a table", list: "a list"}
    name = found.get(type(value), type(value).__name__)
    return _Unfit(f"must be {expected}, not {name}", f"Write, for example: {example_line(field)}")


_CHECKS: dict[str, Callable[[Field, object], Value]] = {
    "text": _text,
    "url": _url,
    "number": _number,
    "flag": _flag,
    "list": _list,
    "secret": _secret,
}


def within(
    table: Table, values: Mapping[str, Value], name: str, limits: tuple[float, float]
) -> float:
    """Return a number setting that lies within limits; `settings` error if it does not."""
    value = values[name]
    if not isinstance(value, float):
        raise TypeError(f"{name} is not declared as a number")
    low, high = limits
    if not low <= value <= high:
        raise table.refuse(
            f"key {name!r} is out of range: {value:g}", f"Write a number from {low:g} to {high:g}."
        )
    return value
