"""Whole pulls, builds, decisions and write-backs under faults and kills, judged by the truth."""

import secrets
from pathlib import Path

import pytest
from nemesis.broken_pulling import BROKEN

from reconcile_pipeline.nemesis.pulling import PullingGame, draw
from reconcile_pipeline.nemesis.seeds import PULLED, play
from reconcile_pipeline.nemesis.telling import NemesisError
from reconcile_pipeline.simulators.registry import PSAS
from reconcile_pipeline.simulators.world.records import PAX8, Subscription

SHORT, LONG = 30, 100
MOST_LEDGERS_TO_FIND = 4


def test_every_psa_is_in_the_game() -> None:
    """A PSA that can be read is played before it is released."""
    assert set(PULLED) == set(PSAS)


@pytest.mark.slow
@pytest.mark.fault(1, 2, 3, 5, 6, 9, 13, 17, 23, 30, 57)
def test_a_month_nobody_chose_keeps_every_promise() -> None:
    """What is published is the truth of whole pulls, and says the same when it is made again."""
    figures = play(draw("connectwise", secrets.randbelow(10**9), 0, SHORT))
    assert figures.count["pulls under faults"]
    assert figures.checked["I1"]
    assert figures.checked["I9"]


def test_a_service_nobody_uses_any_more_counts_as_nothing(tmp_path: Path) -> None:
    """Mapped once by its name and shown by no list since: 0, not unknown, and the oracle agrees."""
    game = PullingGame(tmp_path, draw("kaseya_bms", 1, 0, 2))
    world = game.house.simulation.world
    by_hand = {row.id for row in world.mappings}
    with game.house.connected():
        game.step(game.begin)
        by_name = {item for system, item, _ in game.month.snapshots.links if system == PAX8}
        gone = min(by_name - by_hand)
        world.subscriptions[:] = [each for each in world.subscriptions if service_of(each) != gone]
        game.outside._changed(PAX8)
        for act in (lambda: game.month.pull([PAX8]), game.month.publish):
            game.loop.pass_time(60)
            game.step(act)
    game.close()


def service_of(subscription: Subscription) -> str:
    commitment = subscription.commitment_term or "none"
    return f"{subscription.product_id}|{subscription.billing_term}|{commitment}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", PULLED)
@pytest.mark.fault(1, 2, 3, 5, 6, 9, 13, 17, 23, 30, 57)
def test_long_months_keep_every_promise(kind: str) -> None:
    """So it is with every PSA, for longer, and with writes where the PSA takes them."""
    play(draw(kind, secrets.randbelow(10**9), 0, LONG))


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pipeline_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that breaks one promise does not get through the game."""
    BROKEN[name](monkeypatch)
    with pytest.raises(NemesisError):
        play_some_ledgers()


def play_some_ledgers() -> None:
    for ledger in range(MOST_LEDGERS_TO_FIND):
        play(draw("connectwise", 20_261_122, ledger, LONG))
