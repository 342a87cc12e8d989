"""Reads what was published as an analyst does, and compares it with the truth.

Plain SQL on the published file; nothing of the pipeline's own reading.
"""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import duckdb

from reconcile_pipeline.nemesis.telling import Judgement

Row = dict[str, Any]
Shown = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], str | None, str | None]
"""A card: company, products, services, both counts."""
Digest = dict[str, tuple[int, int]]
"""By table: how many rows of the month, and one number for all they say."""


class Published:
    """One month of one published version; open until it is closed."""

    def __init__(self, path: Path, period: str) -> None:
        self._connection = duckdb.connect(str(path.resolve()), read_only=True)
        self._period = period

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def rows(self, sql: str) -> list[Row]:
        asked = self._connection.execute(sql, {"period": self._period})
        names = [column[0] for column in asked.description or []]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]

    def evidence(self) -> dict[str, str]:
        """The pull that each system's numbers rest on."""
        asked = "select system, pull_id from core.pulls where period = $period and is_evidence"
        return {row["system"]: row["pull_id"] for row in self.rows(asked)}

    def cards(self) -> Counter[Shown]:
        """The cards in the words of the truth; a product in no group stands alone."""
        groups: dict[str, tuple[list[str], list[tuple[str, str]]]] = {}
        for row in self.rows("select * from map.service_groups where period = $period"):
            products, services = groups.setdefault(row["service_group_id"], ([], []))
            if row["member_kind"] == "product":
                products.append(row["member_id"])
            else:
                services.append((row["system"], row["member_id"]))
        found: Counter[Shown] = Counter()
        for row in self.rows("select * from recon.cards where period = $period"):
            group = row["service_group_id"]
            alone: tuple[list[str], list[tuple[str, str]]] = ([group.removeprefix("product:")], [])
            products, services = groups.get(group, alone)
            counts = (_plain(row["qty_psa"]), _plain(row["qty_vendor"]))
            found[row["company_id"], tuple(sorted(products)), tuple(sorted(services)), *counts] += 1
        return found

    def missing_units(self) -> list[Row]:
        """Sums that differ between what came in and where it ended."""
        return self.rows(
            "select * from recon.conservation where period = $period"
            " and (qty_missing <> 0 or records_missing <> 0 or not is_conserved)"
        )

    def digest(self) -> Digest:
        """How many rows each table of the month has, and one number for all they say."""
        tables = self.rows(
            "select schema_name || '.' || table_name as name from duckdb_columns()"
            " where column_name = 'period' and schema_name in ('map', 'recon') and $period <> ''"
            " order by name"
        )
        says = " union all ".join(
            f"select '{table['name']}' as name, count(*) as rows,"  # noqa: S608 - read just now
            f" coalesce(bit_xor(hash(said)), 0) as says from {table['name']} as said"
            " where period = $period"
            for table in tables
        )
        return {row["name"]: (row["rows"], row["says"]) for row in self.rows(says)}


def truth_of(cards: list[Row]) -> Counter[Shown]:
    """The truth's cards, in the same words."""
    return Counter(
        (
            card["company_id"],
            tuple(sorted(card["product_ids"])),
            tuple(sorted((system, item) for system, item in card["service_ids"])),
            card["qty_psa"],
            card["qty_vendor"],
        )
        for card in cards
    )


def judge_cards(
    judgement: Judgement, found: Counter[Shown], truths: list[Counter[Shown]], unread: set[str]
) -> None:
    """Every card is one that the believed pulls lead to, and none of them is missing.

    `unread`: systems never read in full; nothing may be said about what they count.
    """
    known = _without(found, unread)
    if unread:
        # A service nobody has seen is in no group yet: its product stands alone till then.
        known = Counter({card: times for card, times in known.items() if card[4] is not None})
        differs = [known - _without(truth, unread) for truth in truths]
    else:
        differs = [(known - truth) + (truth - known) for truth in truths]
    least = min(differs, key=Counter.total)
    judgement.demand(not least, f"I2 cards differ from the truth: {_told(least)}")
    for card in found:
        if _rests_on(card, unread):
            judgement.demand(card[4] is None, f"I10 {card}: counted by a system never read")


def _without(cards: Counter[Shown], systems: set[str]) -> Counter[Shown]:
    return Counter({card: n for card, n in cards.items() if not _rests_on(card, systems)})


def _rests_on(card: Shown, systems: set[str]) -> bool:
    return any(system in systems for system, _service in card[2])


def _told(cards: Counter[Shown]) -> str:
    return "; ".join(str(card) for card, _count in cards.most_common(4))


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize() + 0:f}"
