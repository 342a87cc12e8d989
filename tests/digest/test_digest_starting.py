"""What starts a digest: the end of a run, a schedule, a person; and how it waits for an answer."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.cli import app
from reconcile_pipeline.http import Certainty, ChangeError, Limits, WebhookClient
from reconcile_pipeline.http.webhook import LIMITS
from reconcile_pipeline.jobs import CLOSE, DIGEST, RECONCILE, WRITE_BACK
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.sensors import ENDS, EVENTS_AFTER, tell_after
from reconcile_pipeline.settings import load_settings

PERIOD = "2026-11"
SCHEDULE = "digest_job_two_days_left"


def installation(office: Any, now: str = "2026-11-28T09:00:00+00:00") -> Installation:
    return Installation(config_path=str(office.config), fixed_now=now)


def subjects(office: Any) -> list[str]:
    return [str(mail["Subject"]) for mail in office.mail.mails]


def test_nothing_starts_until_it_is_switched_on() -> None:
    """The schedule and both sensors are stopped in a new installation."""
    repository = build_definitions(None).get_repository_def()
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert {sensors[name] for name in ENDS} == {dg.DefaultSensorStatus.STOPPED}
    (schedule,) = [each for each in repository.schedule_defs if each.name == SCHEDULE]
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == DIGEST


@pytest.mark.parametrize(("month", "day"), [(2, 26), (4, 28), (11, 28), (12, 29)])
@pytest.mark.fault(50, 51)
def test_the_schedule_ticks_two_days_before_each_last_day(month: int, day: int) -> None:
    """In February as in December."""
    repository = build_definitions(None).get_repository_def()
    (schedule,) = [each for each in repository.schedule_defs if each.name == SCHEDULE]
    cron = str(schedule.cron_schedule).split()
    first, last = cron[2].split("-")
    assert int(first) <= day <= int(last)
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, month, day, 8, tzinfo=UTC),
        repository_def=repository,
    )
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == f"2026-{month:02d}"


def test_the_end_of_a_run_tells_what_it_means(office: Any) -> None:
    """A reconcile run: who failed, and that the review is ready; other jobs: nothing."""
    office.pull("sophos", datetime(2026, 11, 28, 2, tzinfo=UTC), "unreachable")
    for job in (CLOSE, WRITE_BACK, "some_job"):
        tell_after(job, PERIOD, installation(office))
    tell_after(RECONCILE, "", installation(office))
    assert subjects(office) == []
    tell_after(RECONCILE, PERIOD, installation(office))
    tell_after(RECONCILE, PERIOD, installation(office))
    assert subjects(office) == [
        "1 system can't be read: sophos",
        "Review is ready: 2 open cards in 2026-11",
    ]


def test_a_failing_channel_turns_the_tick_red_after_all_was_told(office: Any) -> None:
    """The second event is told although the first one's channel failed."""
    office.slack.queue(office.slack.reply("", status=404))
    office.pull("sophos", datetime(2026, 11, 28, 2, tzinfo=UTC), "unreachable")
    with pytest.raises(PipelineError, match="Slack refused"):
        tell_after(RECONCILE, PERIOD, installation(office))
    assert len(subjects(office)) == len(EVENTS_AFTER[RECONCILE])


def test_the_job_tells_once(office: Any) -> None:
    """A repeat of the scheduled job is green and sends nothing."""
    definitions = build_definitions(
        load_settings(office.config, environ={}), fixed_now="2026-11-28T09:00:00+00:00"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            job = definitions.resolve_job_def(DIGEST)
            result = job.execute_in_process(instance=instance, partition_key=PERIOD)
            assert result.success
    assert subjects(office) == ["2 days left: 2 open cards in 2026-11"]


def test_a_dry_run_prints_and_sends_nothing(office: Any) -> None:
    """`reconcile digest EVENT --dry-run`: the text, and to whom it would go; no secret."""
    arguments = ["digest", "review_ready", "--dry-run", "--config", str(office.config)]
    result = CliRunner().invoke(app, [*arguments, "--period", PERIOD])
    assert result.exit_code == 0, result.output
    assert "Under-billed: 1 card, 400.00 EUR used and not invoiced" in result.output
    assert "slack, teams, email" in result.output
    assert "SECRET" not in result.output
    assert (office.slack.seen, office.mail.mails) == ([], [])


def test_the_command_sends_and_says_what_came_of_it(office: Any) -> None:
    """Each channel's outcome; a second call says that they were told."""
    office.pull("sophos", datetime(2026, 11, 28, 2, tzinfo=UTC), "unreachable")
    call = ["digest", "pull_failed", "--config", str(office.config), "--period", PERIOD]
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 0, first.output
    assert [line for line in first.output.splitlines() if line] == [
        "slack: sent.",
        "teams: sent.",
        "email: sent.",
    ]
    again = CliRunner().invoke(app, call)
    assert "Was told before: slack, teams, email" in again.output
    assert len(office.slack.seen) == 1


def test_the_command_needs_somebody_to_tell(office: Any) -> None:
    """Without a channel it is a matter of settings, with the keys to fill in."""
    office.notify(channels="")
    call = ["digest", "pull_failed", "--config", str(office.config), "--period", PERIOD]
    result = CliRunner().invoke(app, call)
    assert isinstance(result.exception, PipelineError)
    assert "slack_webhook" in result.exception.next_step


def test_silence_ends_after_the_deadline(start_wire: Any) -> None:
    """A chat that accepts and never answers: one try, and nobody knows whether it arrived."""
    wire = start_wire()
    wire.queue(wire.raw(b"", "hang"))
    limits = Limits(attempts=3, deadline_seconds=0.2)

    async def post() -> None:
        async with WebhookClient(name="Slack", url=f"{wire.url}/x", limits=limits) as client:
            await client.post({"text": "x"})

    with pytest.raises(ChangeError) as caught:
        asyncio.run(post())
    assert caught.value.certainty is Certainty.UNKNOWN
    assert len(wire.seen) == 1


def test_all_tries_fit_into_a_sensors_minute() -> None:
    """Dagster ends a sensor after 60 seconds: no way of waiting may take longer."""
    waits = (LIMITS.attempts - 1) * LIMITS.max_wait_seconds
    assert LIMITS.attempts * LIMITS.deadline_seconds + waits < 60
