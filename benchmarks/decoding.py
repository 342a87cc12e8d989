"""What strict JSON costs, beside parsers that are faster and forgive more.

    python -m benchmarks.decoding --records 1000 --repeat 5

One page of agreements like ConnectWise's, in one process. Ratios are to `parse`, the product's own.
Every faster parser is measured alone, and together with the looks at the text and the result that
would make it as strict as ours; where it can't be made so, `promises` names what it lets through.
"""

import argparse
import importlib
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from math import isinf
from statistics import median
from typing import Any

from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse
from reconcile_pipeline.simulators.psa.connectwise_records import PsaView
from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.simulators.world.build import build_world

Parser = Callable[[bytes], Any]
MOST_LEVELS = 64
TRIALS = {
    "NaN": b'{"a": NaN}',
    "a number beyond floats": b'{"a": 1e400}',
    "the same key twice": b'{"a": 1, "a": 2}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "65 levels": b"[" * 65 + b"]" * 65,
}
"""What must be refused."""
_LOOSE_KEY = re.compile(rb'"\s+:')
EXACT = b'{"a": 0.1000}'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    page = _page(options.records)
    print(f"one page of {options.records:,} records, {len(page) / 1e6:.1f} MB")
    print()
    print("| parser | ms | speed, ours = 1 | promises it breaks |")
    print("|:---|---:|---:|:---|")
    ours = 0.0
    for name, parse_page in _parsers().items():
        took = median(_time(parse_page, page) for _ in range(options.repeat))
        ours = ours or took
        print(f"| {name} | {took * 1000:.1f} | {ours / took:.2f} | {_broken(parse_page)} |")


def _page(records: int) -> bytes:
    world = build_world(2026, "medium", datetime.now(UTC).date())
    view = PsaView(State(world))
    rows = [view.agreement(agreement) for agreement in world.agreements[:records]]
    return json.dumps(rows, separators=(",", ":")).encode()


def _parsers() -> dict[str, Parser]:
    found: dict[str, Parser] = {
        "parse (the product's)": lambda body: parse(decode_text(body)),
        "json.loads, nothing checked": json.loads,
    }
    if msgspec := _module("msgspec"):
        decoder = msgspec.json.Decoder(float_hook=Decimal)
        found["msgspec with Decimal"] = decoder.decode
        found["msgspec, made as strict"] = _made_strict(msgspec)
    if orjson := _module("orjson"):
        found["orjson"] = orjson.loads
    return found


def _made_strict(msgspec: Any) -> Parser:
    """The cheapest looks that add what is missing: numbers, depth, and keys that come twice.

    No key came twice if there are as many keys as places that look like one. Text inside a value
    may look like one, too: such pages would have to be parsed again by ours.
    """

    def decimal(text: str) -> Decimal:
        if ("e" in text or "E" in text) and isinf(float(text)):
            raise StrictJsonError("a number too large to use")
        return Decimal(text)

    decoder = msgspec.json.Decoder(float_hook=decimal)

    def strictly(body: bytes) -> Any:
        data = decoder.decode(body)
        if _LOOSE_KEY.search(body) or _count_keys(data) != body.count(b'":'):
            raise StrictJsonError("the same key twice in one object")
        return data

    return strictly


def _count_keys(data: object) -> int:
    keys = depth = 0
    level: list[Any] = [data] if isinstance(data, dict | list) else []
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise StrictJsonError("more than 64 levels of nesting")
        keys += sum(len(holder) for holder in level if type(holder) is dict)
        level = [
            value
            for holder in level
            for value in (holder.values() if isinstance(holder, dict) else holder)
            if type(value) is dict or type(value) is list
        ]
    return keys


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _time(parse_page: Parser, page: bytes) -> float:
    started = time.process_time()
    parse_page(page)
    return time.process_time() - started


def _broken(parse_page: Parser) -> str:
    broken = []
    for name, body in TRIALS.items():
        try:
            parse_page(body)
        except (StrictJsonError, ValueError, RecursionError):
            continue
        broken.append(name)
    if not isinstance(parse_page(EXACT)["a"], Decimal):
        broken.append("digits as they were sent")
    return ", ".join(broken) or "none"


if __name__ == "__main__":
    main()
