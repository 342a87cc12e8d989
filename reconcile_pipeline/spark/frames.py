"""What is asked of Spark: what a session and a frame have to do, classic or through Connect.

Only these calls are used: both kinds of sessions have them.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa


class Frame(Protocol):
    """Rows that Spark has or will compute."""

    write: Any
    """Its writer."""

    def selectExpr(self, *expressions: str) -> "Frame":  # noqa: N802 - Spark's name
        """Other columns of the same rows."""

    def createOrReplaceTempView(self, name: str) -> None:  # noqa: N802 - Spark's name
        """Let this session's statements read it by a name."""

    def toArrow(self) -> pa.Table:  # noqa: N802 - Spark's name
        """Bring all rows here."""


class Session(Protocol):
    """A connection to Spark, with settings and views of its own."""

    read: Any
    """Its reader."""
    conf: Any
    """Its settings."""

    def sql(self, text: str, args: Mapping[str, object] | None = None) -> Frame:
        """Plan a statement with named values."""

    def createDataFrame(self, data: pa.Table) -> Frame:  # noqa: N802 - Spark's name
        """Take rows of this process."""
