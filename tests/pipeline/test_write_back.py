"""Decided changes into the PSA by every door, judged by what the PSA itself says was changed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.building import door_of, refresh_review, site_of
from reconcile_pipeline.cli.running import run_job
from reconcile_pipeline.jobs import CLOSE, DRY_RUN, WRITE_BACK
from reconcile_pipeline.ledger.changes import Change, read_changes
from reconcile_pipeline.model import ChangeState, Decision
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

Row = dict[str, Any]
Queue = Callable[..., tuple[str, ...]]
LINE = r"/additions/\d+$"
# One line each, with room for a unit more that nobody has to confirm.
CARDS = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding in ('match', 'under_billed', 'over_billed')
    and cards.qty_psa between 3 and 60 and lines.qty_included = 0
    and not lines.is_auto_counted and lines.unit_price between 1 and 400
    and not exists (
        select 1 from recon.card_lines as other
        where other.card_id = cards.card_id and other.commitment_ends_on is not null
    )
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
"""


@pytest.fixture
def msp(installed: Any) -> Iterator[Any]:
    """An installation that may write into its PSA; what the PSA invoices is put back in the end."""
    psa = installed.server("connectwise")
    invoiced = [(line, line.quantity) for line in installed.simulation.world.lines]
    psa.app.writes.clear()
    with installed.config.open("a", encoding="utf-8") as file:
        tenant = f"northgate at {psa.base_url.split('/')[2]}"
        file.write(f'\n[policy]\n[write_back]\nenabled = true\ntenant = "{tenant}"\n')
    yield installed
    for line, quantity in invoiced:
        line.quantity = quantity
    psa.app.writes.clear()
    psa.state.changed()


@pytest.fixture
def cards(msp: Any, rows_of: Callable[..., list[Row]]) -> list[Row]:
    found = rows_of(msp.state.published, CARDS)
    assert len(found) > 5
    return found


@pytest.fixture
def queue(msp: Any, period: str) -> Queue:
    """(cards, units more, …) -> ids of decisions of Ann that ask for so many units more."""

    def decide_on(cards: list[Row], more: int = 1, **said: Any) -> tuple[str, ...]:
        site = site_of(load_settings(msp.config))
        wanted = [
            Wanted(
                card_id=card["card_id"],
                card_version=card["card_version"],
                decision=Decision.RECONCILE,
                qty_target=card["qty_psa"] + more,
                reviewer="Ann",
                note=None,
                **said,
            )
            for card in cards
        ]
        with open_for_reading(msp.state.published) as connection:
            door = door_of(site, period)
            taken = decide(connection, door, wanted, now=datetime.now(UTC), origin="tests")
        refresh_review(site, period)
        return taken.new

    return decide_on


def writes(msp: Any) -> list[tuple[str, Decimal, Decimal]]:
    """What the PSA's own trail shows: line, before, after."""
    log = msp.server("connectwise").app.writes
    return [(write.line_id, write.qty_before, write.qty_after) for write in log]


def one_more(cards: list[Row]) -> list[tuple[str, Decimal, Decimal]]:
    return [(card["line_id"], card["qty_psa"], card["qty_psa"] + 1) for card in cards]


def invoiced(msp: Any, card: Row) -> Decimal:
    [line] = [item for item in msp.simulation.world.lines if str(item.id) == card["line_id"]]
    quantity: Decimal = line.quantity
    return quantity


def changes(msp: Any) -> list[Change]:
    return read_changes(site_of(load_settings(msp.config)).ledger)


def states(msp: Any) -> list[str]:
    return [str(change.state) for change in changes(msp)]


def changing_calls(msp: Any) -> list[Any]:
    return [call for call in msp.server("connectwise").log if call.method != "GET"]


def newest_event(msp: Any, *path: str) -> dict[str, Any]:
    """Metadata of an asset's latest materialization, as the Dagster UI shows it."""
    with dg.DagsterInstance.from_config(str(msp.state.dagster)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(list(path)))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    return {name: getattr(value, "value", None) for name, value in metadata.items()}


@pytest.mark.fault(93, cases=2)
def test_writing_is_switched_on_for_one_tenant(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """Switched off, or on for another tenant, nothing is sent, and the right tenant is named."""
    queue(cards[:2])
    tenant = f"northgate at {msp.server('connectwise').base_url.split('/')[2]}"
    told = {
        "Writing into ConnectWise PSA is switched off": ("enabled = true", "enabled = false"),
        f"is set up for “{tenant}”": (f'tenant = "{tenant}"', 'tenant = "southgate"'),
    }
    assert len(told) == 2
    for sentence, (right, wrong) in told.items():
        msp.edit_config(right, wrong)
        ended = reconcile("write-back", "--yes", "2", "--config", msp.config)
        assert (ended.code, "Traceback" in ended.told) == (2, False), ended.told
        assert sentence in ended.told
        assert f'tenant = "{tenant}"' in ended.told
        looked = reconcile("dry-run", "--config", msp.config)
        assert looked.code == 0, looked.told
        assert f"Tenant: {tenant}." in looked.told
        assert "2 of 2 lines show what was decided on" in looked.told
        assert "Writing is switched off" in looked.told
        msp.edit_config(wrong, right)
    assert changing_calls(msp) == []
    assert states(msp) == ["queued", "queued"]


@pytest.mark.fault(93)
def test_the_same_company_at_another_address_is_another_tenant(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """A sandbox's address with production's company and keys: refused, and no call is made."""
    queue(cards[:2])
    server = msp.server("connectwise")
    right = server.base_url.split("/")[2]
    sandbox = right.replace("127.0.0.1", "localhost")
    msp.edit_config(server.base_url, server.base_url.replace(right, sandbox))
    calls = len(server.log)
    ended = reconcile("write-back", "--yes", "2", "--config", msp.config)
    assert (ended.code, "Traceback" in ended.told) == (2, False), ended.told
    assert f"allows the tenant “northgate at {right}”" in ended.told
    assert f"is set up for “northgate at {sandbox}”; nothing was written." in ended.told
    assert len(server.log) == calls
    assert states(msp) == ["queued", "queued"]


@pytest.mark.fault(92)
def test_a_wrong_count_or_too_many_write_nothing(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """Another number than those that are ready, or a batch above the limit, sends no change."""
    queue(cards[:3])
    wrong = reconcile("write-back", "--yes", "2", "--config", msp.config)
    assert wrong.code == 2, wrong.told
    assert "3 changes are ready, not 2; nothing was written." in wrong.told
    msp.edit_config("[write_back]\n", "[write_back]\nmost_changes = 2\n")
    large = reconcile("write-back", "--yes", "3", "--config", msp.config)
    assert large.code == 2, large.told
    assert "3 changes wait to be written, and one batch may hold 2." in large.told
    assert "Next: Look at them with `reconcile changes`" in large.told
    assert changing_calls(msp) == []
    assert states(msp) == ["queued"] * 3


def test_written_once_and_read_back(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """Each decided line is changed once and verified; a second write-back sends nothing."""
    queue(cards[:3])
    ended = reconcile("write-back", "--yes", "3", "--config", msp.config)
    assert ended.code == 0, ended.told
    assert "3 line changes: verified" in ended.told
    assert sorted(writes(msp)) == sorted(one_more(cards[:3]))
    told = newest_event(msp, "review", "write_backs")
    assert (told["touched"], told["ended_verified"], told["changes_applied"]) == (3, 3, 3)
    again = reconcile("write-back", "--yes", "0", "--config", msp.config)
    assert again.code == 0, again.told
    assert "Nothing waits to be written." in again.told
    assert len(changing_calls(msp)) == 3


def test_what_is_large_waits_for_its_confirmations(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """A line to 0, a large change and one for four eyes wait until the right person confirms."""
    zero, large, dear = cards[:3]
    [to_zero] = queue([zero], -int(zero["qty_psa"]))
    [up] = queue([large], 100)
    msp.edit_config("[policy]\n", "[policy]\nfour_eyes_above = 0.5\n")
    [shared] = queue([dear])
    config = ("--config", msp.config)
    waiting = reconcile("write-back", "--yes", "0", *config)
    assert waiting.code == 0, waiting.told
    for decision, words in ((to_zero, "--second-person --zero"), (shared, "--second-person")):
        assert f"Next: `reconcile confirm {decision} " in waiting.told
        assert words in waiting.told
    assert writes(msp) == []
    # Names are compared as people do: case and spaces make nobody a second person.
    own = reconcile("confirm", shared, "--second-person", "--by", " ANN", *config)
    assert own.code == 2, own.told
    assert "made this decision and can't be the second person for it" in own.told
    for decision, kinds in ((to_zero, ("--zero", "--large")), (up, ("--large",)), (shared, ())):
        said = reconcile("confirm", decision, *kinds, "--second-person", "--by", "Bob", *config)
        assert said.code == 0, said.told
    ended = reconcile("write-back", "--yes", "3", *config)
    assert ended.code == 0, ended.told
    assert [invoiced(msp, card) for card in cards[:3]] == [
        Decimal(0),
        large["qty_psa"] + 100,
        dear["qty_psa"] + 1,
    ]
    assert len(writes(msp)) == 3


def test_undo_before_and_after(msp: Any, reconcile: Any, cards: list[Row], queue: Queue) -> None:
    """Undone before it is sent it never is; undone afterwards it is written back, once."""
    before, after = queue(cards[:2])
    config = ("--config", msp.config)
    undone = reconcile("undo", before, *config)
    assert undone.code == 0, undone.told
    assert "Taken back; nothing of it had been written." in undone.told
    assert reconcile("write-back", "--yes", "1", *config).code == 0
    assert writes(msp) == one_more(cards[1:2])
    [change] = [item for item in changes(msp) if item.decision_id == after]
    undone = reconcile("undo", change.change_id, "--reason", "wrong customer", *config)
    assert undone.code == 0, undone.told
    assert "1 reverse changes wait for the next `reconcile write-back`" in undone.told
    assert reconcile("undo", after, *config).code == 0
    assert reconcile("write-back", "--yes", "1", *config).code == 0
    line, old, new = one_more(cards[1:2])[0]
    assert writes(msp) == [(line, old, new), (line, new, old)]
    assert [invoiced(msp, card) for card in cards[:2]] == [card["qty_psa"] for card in cards[:2]]


def test_what_stands_still_is_settled_by_a_person(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """A change the PSA only pretends to take turns the run red; a person says how it goes on."""
    queue(cards[:1])
    config = ("--config", msp.config)
    psa = msp.server("connectwise").faults
    psa.add(LINE, kind="not_applied", method="PATCH")
    ended = reconcile("write-back", "--yes", "1", *config)
    [change] = changes(msp)
    assert ended.code == 2, ended.told
    assert change.state is ChangeState.NEEDS_PERSON
    assert f"then settle it: `reconcile settle {change.change_id} applied|retry|drop`" in ended.told
    assert "Traceback" not in ended.told
    assert newest_event(msp, "review", "write_backs")["ended_needs_person"] == 1
    assert reconcile("write-back", "--yes", "0", *config).code == 0
    assert writes(msp) == []
    assert reconcile("settle", change.change_id, "retry", *config).code == 0
    assert reconcile("write-back", "--yes", "1", *config).code == 0
    assert writes(msp) == one_more(cards[:1])
    again = reconcile("settle", change.change_id, "drop", *config)
    assert again.code == 2, again.told
    assert "is verified: there is nothing to settle by hand" in again.told


def test_done_by_hand(msp: Any, reconcile: Any, cards: list[Row], queue: Queue) -> None:
    """A PSA that takes no changes gets none: a person makes it, says so, and a pull proves it."""
    queue(cards[:1])
    order = {"by_hand": "connectwise"}
    config = ("--config", msp.config)
    [change] = changes(msp)
    ended = reconcile("write-back", "--yes", "1", *config, **order)
    assert ended.code == 0, ended.told
    assert "1 for a person" in ended.told
    looked = reconcile("dry-run", *config, **order)
    assert "somebody makes them and confirms each with `reconcile done-by-hand`" in looked.told
    assert changing_calls(msp) == []
    assert reconcile("done-by-hand", change.change_id, *config, **order).code == 0
    assert states(msp) == ["done_by_hand"]
    msp.server("connectwise").app.edit_line(
        cards[0]["line_id"], cards[0]["qty_psa"] + 1, datetime.now(UTC).date()
    )
    proved = reconcile("run", *config, **order)
    assert proved.code == 0, proved.told
    assert states(msp) == ["proved"]


FORGED = {
    "dry run off": {"ops": {"apply_decisions": {"config": {"dry_run": False}}}},
    "quantities": {"ops": {"apply_decisions": {"config": {"quantities": {"1": 99}}}}},
    "a single value": {"ops": {"apply_decisions": {"config": 99}}},
    "an input": {"ops": {"apply_decisions": {"inputs": {"qty_to": 99}}}},
    "another operation": {"ops": {"write": {"config": {"qty_to": 99}}}},
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.fault(90)
def test_the_write_back_job_takes_no_configuration(msp: Any, name: str) -> None:
    """A forged run with quantities or switches is rejected before there is a run at all."""
    job = build_definitions(load_settings(msp.config)).resolve_job_def(WRITE_BACK)
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(dg.DagsterInvalidConfigError):
            job.execute_in_process(
                instance=instance, partition_key="2026-11", run_config=FORGED[name]
            )
        assert instance.get_runs() == []


@pytest.mark.parametrize("job", [DRY_RUN, WRITE_BACK, CLOSE])
@pytest.mark.fault(90)
def test_no_run_brings_its_own_installation_or_clock(
    msp: Any, cards: list[Row], queue: Queue, period: str, job: str
) -> None:
    """A forged run that names other settings or another day is refused; nothing is called."""
    queue(cards[:1])
    other = msp.folder / "other.toml"
    other.write_text(msp.config.read_text(encoding="utf-8"), encoding="utf-8")
    forged = {"config_path": str(other), "fixed_now": datetime.now(UTC).isoformat()}
    outcome = run_job(
        load_settings(msp.config),
        job,
        period,
        run_config={"resources": {"installation": {"config": forged}}},
    )
    assert not outcome.is_success
    [failure] = outcome.failures
    assert "takes no configuration" in failure
    assert "Next: " in failure
    assert states(msp) == ["queued"]
    assert msp.server("connectwise").log == []


def test_a_dry_run_can_only_look(msp: Any, cards: list[Row], queue: Queue, period: str) -> None:
    """`dry_run_job` reads each line, sends no changing call, and tells what it saw."""
    queue(cards[:2])
    outcome = run_job(load_settings(msp.config), DRY_RUN, period)
    assert outcome.is_success, outcome.failures
    log = msp.server("connectwise").log
    assert len(log) >= 2
    assert changing_calls(msp) == []
    assert states(msp) == ["queued", "queued"]
    key = dg.AssetKey(["review", "write_backs"])
    with dg.DagsterInstance.from_config(str(msp.state.dagster)) as instance:
        [seen] = instance.fetch_observations(key, limit=10).records
    observed = seen.asset_observation
    assert observed is not None
    told = {name: value.value for name, value in observed.metadata.items()}
    assert (told["ready"], told["not_as_decided"], told["is_enabled"]) == (2, 0, True)


@pytest.mark.slow
def test_materializing_everything_writes_nothing(
    msp: Any, reconcile: Any, cards: list[Row], queue: Queue
) -> None:
    """None of the three acting jobs is an asset: a run of all assets leaves the PSA alone."""
    definitions = build_definitions(load_settings(msp.config))
    steps = {node.op.name for node in definitions.resolve_asset_graph().assets_defs if node.keys}
    for job in (DRY_RUN, WRITE_BACK, CLOSE):
        ours = {node.name for node in definitions.resolve_job_def(job).nodes}
        assert not ours & steps
    queue(cards[:2])
    ended = reconcile("run", "--config", msp.config)
    assert ended.code == 0, ended.told
    assert writes(msp) == []
    assert changing_calls(msp) == []
    assert states(msp) == ["queued", "queued"]
