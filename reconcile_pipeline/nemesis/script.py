"""What is played in one ledger: its acts in their order, each with dice of its own.

Each act throws its dice anew, so leaving one out changes nothing for the others: that is what
lets a failing script shrink to the few acts that matter. A script is a small JSON file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from random import Random

WRITING, PULLING = "writing", "pulling"
"""The two games: write-backs in a small world, and whole pulls, builds and month ends."""


@dataclass(frozen=True)
class Script:
    """One ledger's acts: (number, name), in the order in which they are played."""

    game: str
    kind: str
    """The PSA."""
    seed: int
    ledger: int
    acts: tuple[tuple[int, str], ...]

    @property
    def dice(self) -> str:
        """What the world and everything before the first act are made from."""
        return f"{self.seed}/{self.game}/{self.kind}/{self.ledger}"

    def dice_of(self, number: int) -> str:
        """What one act's chances come from."""
        return f"{self.dice}/{number}"

    def with_acts(self, acts: tuple[tuple[int, str], ...]) -> "Script":
        """The same ledger with other acts."""
        return replace(self, acts=acts)

    def to_json(self, message: str = "") -> str:
        """As a file; `message` tells what went wrong, for whoever opens it."""
        told = {"message": message.splitlines()} if message else {}
        return json.dumps(asdict(self) | told, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Script":
        """Read such a file; raises ValueError or KeyError if it is none."""
        said = json.loads(text)
        acts = tuple((int(number), str(name)) for number, name in said["acts"])
        return cls(said["game"], said["kind"], int(said["seed"]), int(said["ledger"]), acts)


def drawn(
    game: str,
    kind: str,
    seed: int,
    ledger: int,
    *,
    length: int,
    weights: Mapping[str, float],
    rest_every: int,
    last: tuple[str, ...] = (),
) -> Script:
    """Draw a script: acts by their weights, a rest now and then, and how it ends."""
    empty = Script(game, kind, seed, ledger, ())
    dice = Random(f"{empty.dice}/script")
    names = dice.choices([*weights], [*weights.values()], k=length)
    acts = [
        (number, "rest" if number % rest_every == rest_every - 1 else name)
        for number, name in enumerate(names)
    ]
    acts += [(length + number, name) for number, name in enumerate(last)]
    return empty.with_acts(tuple(acts))
