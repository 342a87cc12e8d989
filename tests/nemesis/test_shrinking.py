"""A failure of the nemesis becomes a short file that anybody can play again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_pipeline.nemesis import command
from reconcile_pipeline.nemesis.command import main, replay
from reconcile_pipeline.nemesis.schedule import draw
from reconcile_pipeline.nemesis.script import Script
from reconcile_pipeline.nemesis.shrink import shrunk
from reconcile_pipeline.writeback.engine import Writer

SCRIPT = draw("connectwise", 4, 0)


def only_writing(seed: int, steps: int) -> Iterator[Script]:
    yield draw("connectwise", seed, 0, steps)


def test_only_the_acts_that_matter_stay() -> None:
    """Of three hundred acts, the two that lead to the failure together are left."""

    def fails(script: Script) -> str:
        numbers = {number for number, _name in script.acts}
        return "broken" if {17, 230} <= numbers else ""

    shorter, message = shrunk(SCRIPT, fails)
    assert [number for number, _name in shorter.acts] == [17, 230]
    assert message == "broken"


def test_a_script_that_does_not_fail_is_not_shrunk() -> None:
    """Nobody gets a file of a failure that is none."""
    with pytest.raises(ValueError, match="does not fail"):
        shrunk(SCRIPT, lambda _script: "")


def test_a_file_holds_all_that_is_needed_to_play_again() -> None:
    """What was written as a file is the same script when it is read."""
    assert Script.from_json(SCRIPT.to_json("what happened\nand why")) == SCRIPT


def test_an_act_has_dice_of_its_own() -> None:
    """Leaving an act out changes none of the others' chances."""
    shorter = SCRIPT.with_acts(SCRIPT.acts[5:])
    number = shorter.acts[0][0]
    assert shorter.dice_of(number) == SCRIPT.dice_of(number)


@pytest.mark.slow
def test_a_broken_engine_leaves_a_short_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 1, tells the promise, and keeps a file that fails when played again."""

    async def blind(_self: Writer, _change: object, _seen: object) -> None:
        return None

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "_precheck", blind)
        broken.setattr(command, "scripts_of", only_writing)
        with pytest.raises(SystemExit, match="1"):
            main(["--seed", "3", "--steps", "300", "--save", str(tmp_path)])
        assert "I3" in capsys.readouterr().out
        [file] = tmp_path.iterdir()
        assert len(Script.from_json(file.read_text("utf-8")).acts) < 20
        assert replay(file) == 1
    assert replay(file) == 0


def test_a_file_that_is_none_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who replays something else is told so, and what to give instead."""
    (tmp_path / "x.json").write_text("[]", encoding="utf-8")
    assert replay(tmp_path / "x.json") == 2
    assert "--save" in capsys.readouterr().err
