"""N-able N-sight: its XML as JSON, the key in the query, and refusals that come with status 200.

The Data Extraction API knows one address, XML answers, and an API key among the parameters.
"""

import json
from collections.abc import Generator
from typing import Any, TypeGuard
from xml.parsers.expat import ExpatError

import httpx
import xmltodict

from reconcile_pipeline.http import StrictJsonError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import first_text

LISTS = ("client", "site", "server", "workstation", "mobile_device")
"""Elements that repeat: a single one must not come out as something else than a list of one."""
COUNTS = ("device_count", "server_count", "workstation_count", "mobile_device_count")
_OK, _BAD_REQUEST, _UNAUTHORIZED = 200, 400, 401
_KEY_WORDS = ("api key", "apikey", "api-key", "authenticat", "login")
_CUT = frozenset({"no element found", "unclosed token"})


class QueryKey(httpx.Auth):
    """Adds the key to the query at the last moment: no request that we name or land has it."""

    def __init__(self, key: str) -> None:
        """Take the API key."""
        self._key = key

    def __repr__(self) -> str:
        """Name the class and nothing else."""
        return f"<{type(self).__name__}>"

    @property
    def secrets(self) -> frozenset[str]:
        """The key."""
        return frozenset({self._key})

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the key among its parameters."""
        request.url = request.url.copy_merge_params({"apikey": self._key})
        yield request


def xml_as_json(content: bytes, _max_depth: int) -> tuple[str, Any]:
    """Read an XML answer as JSON: `{"result": {"@status": …, "client": […]}}`.

    Attributes begin with @, elements that repeat are lists. N-sight's root has more than one name
    and its lists stand inside `items` or not: here both are always the same.

    Raises:
        StrictJsonError: for what is not XML, or declares entities.
    """
    try:
        parsed = xmltodict.parse(content, force_list=LISTS, disable_entities=True)
        root = next(iter(parsed.values()))
        data = {"result": _lifted(root) if _is(root) else {}}
        return json.dumps(data, ensure_ascii=False), data
    except ExpatError as error:
        is_cut = any(words in str(error) for words in _CUT)
        raise StrictJsonError("text that is not XML", is_cut=is_cut) from error
    except RecursionError as error:
        raise StrictJsonError("XML with too much nesting") from error
    except ValueError as error:
        # Entities are how an answer makes its reader fetch files or fill the memory.
        raise StrictJsonError("XML that declares entities") from error


def stands_for(data: Any) -> int:  # noqa: ANN401 - parsed XML
    """Return the status an answer stands for: `status="FAIL"` is a refusal, whatever HTTP says."""
    root = _root(data)
    if str(root.get("@status", "OK")).upper() == "OK" and "error" not in root:
        return _OK
    told = (message_of(data) or "").lower()
    return _UNAUTHORIZED if any(word in told for word in _KEY_WORDS) else _BAD_REQUEST


def message_of(data: Any) -> str | None:  # noqa: ANN401 - parsed XML
    """Return N-sight's own words for a refusal."""
    error = _root(data).get("error")
    return first_text(error.get("message"), error.get("errorcode")) if _is(error) else None


def client_records(data: Any) -> list[Record]:  # noqa: ANN401 - parsed XML
    """Return the clients of `list_clients`; `shape` for anything but whole counts."""
    clients = _items(data, "client")
    for client in clients:
        for name in COUNTS:
            if not str(client.get(name) or "").isdigit():
                raise _shape(f"a client without a whole number in {name}")
    return clients


def device_records(data: Any) -> list[Record]:  # noqa: ANN401 - parsed XML
    """Return the devices of `list_devices_at_client`, whatever their site."""
    found: list[Record] = []
    for client in _items(data, "client"):
        for site in client.get("site") or []:
            if _is(site):
                for kind in ("server", "workstation"):
                    found += site.get(kind) or []
    return found


def _items(data: Any, name: str) -> list[Record]:  # noqa: ANN401 - parsed XML
    rows = _root(data).get(name)
    if not isinstance(rows, list) or not all(_is(row) for row in rows):
        raise _shape(f"no list of {name} elements")
    return rows


def _lifted(root: dict[str, Any]) -> dict[str, Any]:
    """The root with what stands inside `items`; an empty `items` is a list that holds nothing."""
    if "items" not in root:
        return root
    kept = {name: value for name, value in root.items() if name != "items"}
    return kept | (root["items"] if _is(root["items"]) else {"client": []})


def _root(data: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed XML
    root = data.get("result") if _is(data) else None
    return root if _is(root) else {}


def _is(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _shape(what: str) -> PipelineError:
    return PipelineError(
        f"N-sight answered with {what}.",
        next_step="Check that base_url is the server you log in to; if it is, its format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )
