"""The table [push] of reconcile.toml: where scripts may push counts to, and how fast.

Which integrations there are is told by the systems of kind push, each with its own inbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile_pipeline.settings_checks import Table, Value, is_loopback
from reconcile_pipeline.systems.base import Field

NOT_MAPPED_ANSWERS = (404.0, 201.0)
_HIGHEST_PORT = 65_535
_MOST_PER_MINUTE = 60_000
PUSH_FIELDS = (
    Field(
        "host",
        "Address that `reconcile push serve` listens on.",
        default="127.0.0.1",
        example="127.0.0.1",
    ),
    Field("port", "Its port.", kind="number", default=8230, example="8230"),
    Field(
        "allow_remote",
        "Whether host may be an address that other machines reach. Keys then travel over the"
        " network: put a proxy with TLS in front.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "names",
        "Host names by which scripts may call it, besides IP addresses and localhost: the name"
        " of the proxy in front, for example.",
        kind="list",
        default=(),
        example='["push.yourmsp.example"]',
    ),
    Field(
        "requests_per_minute",
        "Requests of one integration that are answered at once; a few more wait, others get 429.",
        kind="number",
        default=120,
        example="120",
    ),
    Field(
        "unmapped_answer",
        "What a count is answered with while its customer or service is not mapped: 404, as"
        " scripts of the compatible API expect it, or 201. It is stored either way.",
        kind="number",
        default=404,
        example="404",
    ),
)


@dataclass(frozen=True)
class PushSettings:
    """Where and how the push API is served."""

    host: str = "127.0.0.1"
    port: int = 8230
    names: tuple[str, ...] = ()
    requests_per_minute: int = 120
    unmapped_answer: int = 404


def read_push(table: Table, values: Mapping[str, Value]) -> PushSettings:
    """Check what the fields alone can't; raises the `settings` error of the first mistake."""
    host = str(values["host"])
    if not values["allow_remote"] and not is_loopback(host):
        raise table.refuse(
            f"key 'host' is an address that other machines may reach: {host!r}",
            'Write host = "127.0.0.1"; or allow_remote = true, and put a proxy with TLS in front.',
        )
    if values["unmapped_answer"] not in NOT_MAPPED_ANSWERS:
        raise table.refuse("key 'unmapped_answer' is neither 404 nor 201", "Write one of them.")
    names = values["names"]
    return PushSettings(
        host=host,
        port=_whole(table, values, "port", _HIGHEST_PORT),
        names=tuple(name.lower() for name in names) if isinstance(names, tuple) else (),
        requests_per_minute=_whole(table, values, "requests_per_minute", _MOST_PER_MINUTE),
        unmapped_answer=int(float(str(values["unmapped_answer"]))),
    )


def _whole(table: Table, values: Mapping[str, Value], name: str, most: int) -> int:
    value = values[name]
    if not isinstance(value, float) or not value.is_integer() or not 1 <= value <= most:
        raise table.refuse(
            f"key {name!r} is not a whole number from 1 to {most}", "Correct it, or leave it out."
        )
    return int(value)
