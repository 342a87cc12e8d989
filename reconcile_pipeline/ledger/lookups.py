"""Looking many things up at once: by a list of keys, in as few questions as databases allow."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

AT_ONCE = 500
"""Keys in one question: far below what either database takes."""


def rows_where(
    connection: sa.Connection,
    query: sa.Select[Any],
    key: sa.ColumnElement[Any],
    values: Iterable[Any],
) -> Iterator[sa.RowMapping]:
    """The rows of a query whose key is one of these; in no order beyond a question's own."""
    asked = sorted(set(values))
    for begin in range(0, len(asked), AT_ONCE):
        chunk = asked[begin : begin + AT_ONCE]
        yield from connection.execute(query.where(key.in_(chunk))).mappings()
