"""The PSA's filter language: `field op value` joined by and/or, with parentheses.

Turns the text into a predicate over a record as the API shows it, and refuses what the API would
refuse: bad grammar and unknown fields. Comparison of texts ignores case, as its database does.
"""

import re
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

from reconcile_pipeline.simulators.server import Refusal

Record = Mapping[str, Any]
Predicate = Callable[[Record], bool]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*')
  | (?P<date>\[[^\]]*\])
  | (?P<number>-?\d+(?:\.\d+)?(?![\w/]))
  | (?P<op><=|>=|!=|=|<|>)
  | (?P<punctuation>[(),])
  | (?P<word>[A-Za-z_][\w/.]*)
    )""",
    re.VERBOSE,
)
LAST_UPDATED = "_info/lastUpdated"
_WORD_OPS = ("contains", "like", "in", "not")
Token = tuple[str, Any]


def compile_conditions(text: str, fields: Collection[str]) -> Predicate:
    """A predicate for the conditions; `fields` are all slash paths that may be asked for.

    Raises:
        Refusal: with status 400, for bad grammar or an unknown field.
    """
    names = {field.lower(): field for field in fields}
    if LAST_UPDATED in fields:
        # The spelling that clients use; which one a tenant takes varies.
        names["lastupdated"] = LAST_UPDATED
    parser = _Parser(_tokens(text), names)
    predicate = parser.either()
    parser.end()
    return predicate


def resolve(record: Any, path: str) -> list[Any]:  # noqa: ANN401 JSON
    """Every value at a slash path; arrays on the way are searched through."""
    values = [record]
    for part in path.split("/"):
        found: list[Any] = []
        for value in values:
            members = value if isinstance(value, list) else [value]
            found.extend(m.get(part) if isinstance(m, Mapping) else None for m in members)
        values = found
    return values


def _refuse(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, message, code="ConnectWiseApi", fields="conditions")


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _refuse(f"Conditions are not understood from position {position}.")
        position = match.end()
        kind = match.lastgroup or ""
        tokens.append((kind, _value(kind, match.group(kind))))
    return tokens


def _value(kind: str, raw: str) -> Any:  # noqa: ANN401
    if kind == "text":
        quote = raw[0]
        return raw[1:-1].replace(quote * 2, quote)
    if kind == "date":
        return raw[1:-1].strip()
    return float(raw) if kind == "number" else raw


class _Parser:
    """Recursive descent over the tokens; `and` binds stronger than `or`."""

    def __init__(self, tokens: list[Token], fields: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._fields = fields
        self._at = 0

    def either(self) -> Predicate:
        parts = [self._both()]
        while self._takes_word("or"):
            parts.append(self._both())
        return lambda record: any(part(record) for part in parts)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise _refuse("Conditions go on after their end.")

    def _both(self) -> Predicate:
        parts = [self._one()]
        while self._takes_word("and"):
            parts.append(self._one())
        return lambda record: all(part(record) for part in parts)

    def _one(self) -> Predicate:
        if self._takes("punctuation", "("):
            inner = self.either()
            self._needs(")")
            return inner
        kind, name = self._next()
        field = self._fields.get(str(name).lower()) if kind == "word" else None
        if field is None:
            raise _refuse(f"'{name}' is not a field of this record.")
        test = self._test()
        return lambda record: any(test(value) for value in resolve(record, field))

    def _test(self) -> Callable[[Any], bool]:
        kind, op = self._next()
        if kind == "op":
            return _comparison(str(op), self._literal())
        word = str(op).lower()
        if kind != "word" or word not in _WORD_OPS:
            raise _refuse(f"'{op}' is not an operator.")
        is_negated = word == "not"
        if is_negated:
            word = str(self._next()[1]).lower()
        test = self._word_test(word)
        return (lambda value: not test(value)) if is_negated else test

    def _word_test(self, word: str) -> Callable[[Any], bool]:
        if word == "in":
            self._needs("(")
            wanted = [_plain(self._literal())]
            while self._takes("punctuation", ","):
                wanted.append(_plain(self._literal()))
            self._needs(")")
            return lambda value: _plain(value) in wanted
        text = str(self._literal()).lower()
        if word == "contains":
            return lambda value: text in str(value or "").lower()
        if word == "like":
            pattern = re.compile(".*".join(re.escape(p) for p in re.split(r"[%*]", text)))
            return lambda value: pattern.fullmatch(str(value or "").lower()) is not None
        raise _refuse(f"'{word}' is not an operator.")

    def _literal(self) -> Any:  # noqa: ANN401
        kind, value = self._next()
        if kind in {"text", "date", "number"}:
            return value
        constants = {"true": True, "false": False, "null": None}
        if kind != "word" or str(value).lower() not in constants:
            raise _refuse(f"'{value}' is not a value.")
        return constants[str(value).lower()]

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise _refuse("Conditions end too early.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, kind: str, value: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, value):
            self._at += 1
            return True
        return False

    def _takes_word(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            if kind == "word" and value.lower() == word:
                self._at += 1
                return True
        return False

    def _needs(self, mark: str) -> None:
        if not self._takes("punctuation", mark):
            raise _refuse(f"'{mark}' is missing.")


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.lower()
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _comparison(op: str, wanted: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    """A comparison as the database makes it: null is equal only to null, and in no order."""
    right = _plain(wanted)

    def holds(value: Any) -> bool:  # noqa: ANN401
        left = _plain(value)
        if left is None or right is None:
            return (left is right) if op == "=" else op == "!=" and right is None
        if op in {"=", "!="}:
            return (left == right) is (op == "=")
        if type(left) is not type(right) or isinstance(left, bool):
            return False
        order = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
        return bool(order[op])

    return holds
