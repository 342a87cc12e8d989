"""Sending: every channel, each once, none in the way of another, nothing secret anywhere."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from reconcile_pipeline.digest.send import prepare_digest
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_notify import Event


def alerts(office: Any) -> list[dict[str, Any]]:
    lines = office.site.state.alerts.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def states(digest: Any) -> dict[str, str]:
    return {outcome.channel: outcome.state for outcome in digest.outcomes}


def calls(office: Any) -> tuple[int, int, int]:
    return len(office.slack.seen), len(office.teams.seen), len(office.mail.mails)


def test_every_channel_is_told_and_it_is_written_down(office: Any) -> None:
    """One request to each webhook's own address, one mail, and a line of alerts.jsonl for each."""
    digest = office.tell()
    assert states(digest) == {"slack": "sent", "teams": "sent", "email": "sent"}
    assert calls(office) == (1, 1, 1)
    assert office.slack.seen[0].target == "/services/T000/B000/abcdefSECRET"
    assert office.teams.seen[0].target.endswith(
        "/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=hushSECRET-sig"
    )
    for seen in (office.slack.seen[0], office.teams.seen[0]):
        assert (seen.method, seen.headers["content-type"]) == ("POST", "application/json")
    entries = [(e["digest"], e["channel"], e["outcome"], e["period"]) for e in alerts(office)]
    assert entries == [
        ("review_ready", channel, "sent", "2026-11") for channel in ("slack", "teams", "email")
    ]


def test_the_same_digest_goes_out_once_a_day(office: Any) -> None:
    """A repeat sends nothing and changes no file; the next day there is another one."""
    office.tell()
    before = office.site.state.digests.read_bytes(), alerts(office)
    again = office.tell()
    assert (again.outcomes, again.told) == ((), ("slack", "teams", "email"))
    assert (office.site.state.digests.read_bytes(), alerts(office)) == before
    assert calls(office) == (1, 1, 1)
    office.now += timedelta(days=1)
    office.tell()
    assert calls(office) == (2, 2, 2)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_stops_nobody_else_and_is_tried_again_next_time(office: Any, status: int) -> None:
    """One sentence with the status, no second try now; the repeat tells only who was not told."""
    office.slack.queue(office.slack.reply("no_service SECRET <html>", status=status))
    digest = office.tell()
    assert states(digest) == {"slack": "failed", "teams": "sent", "email": "sent"}
    with pytest.raises(PipelineError, match=f"^Slack refused the digest with {status}") as caught:
        digest.check()
    assert "SLACK" in caught.value.next_step
    assert "SECRET" not in str(caught.value)
    assert calls(office) == (1, 1, 1)
    office.slack.queue(office.slack.reply("ok"))
    assert states(office.tell()) == {"slack": "sent"}
    assert calls(office) == (2, 1, 1)


def test_retry_after_is_honoured(office: Any) -> None:
    """After 429 the message goes out once the time that was asked for is over."""
    busy = office.slack.reply("slow down", status=429, headers={"Retry-After": "7"})
    office.slack.queue(busy, office.slack.reply("ok"))
    assert states(office.tell())["slack"] == "sent"
    assert (office.waits, len(office.slack.seen)) == ([7.0], 2)


@pytest.mark.parametrize(
    ("status", "headers", "tries"),
    [(429, {}, 3), (500, {}, 3), (503, {"Retry-After": "3"}, 3), (429, {"Retry-After": "900"}, 1)],
)
def test_tries_are_bounded(office: Any, status: int, headers: dict[str, str], tries: int) -> None:
    """Three tries at most, and none where the wait would be long; the others are told meanwhile."""
    office.teams.queue(office.teams.reply("", status=status, headers=headers))
    digest = office.tell()
    assert states(digest) == {"slack": "sent", "teams": "failed", "email": "sent"}
    assert len(office.teams.seen) == tries
    assert f"Teams refused the digest with {status}" in digest.outcomes[1].message


def test_a_redirect_is_not_followed(office: Any) -> None:
    """A message goes to the address that is set up, and to no other."""
    moved = {"Location": f"{office.teams.url}/elsewhere"}
    office.slack.queue(office.slack.reply("", status=307, headers=moved))
    assert states(office.tell())["slack"] == "failed"
    assert [seen.path for seen in office.teams.seen] == ["/workflows/aSECRETid/invoke"]


def test_what_may_have_arrived_is_not_sent_again(office: Any) -> None:
    """No answer after sending: one try, said so, and the repeat stays silent."""
    office.slack.queue(office.slack.raw(b"", "close"))
    assert states(office.tell())["slack"] == "unsure"
    assert len(office.slack.seen) == 1
    assert office.tell().outcomes == ()
    assert len(office.slack.seen) == 1


def test_a_server_that_is_not_there_is_tried_thrice(office: Any) -> None:
    """Nothing left this machine, so it is repeated; then it is one sentence without the address."""
    env = office.folder / ".env"
    env.write_text(
        env.read_text(encoding="utf-8").replace(str(office.slack.port), "9"), encoding="utf-8"
    )
    (outcome, *_others) = office.tell().outcomes
    assert (outcome.state, len(office.waits)) == ("failed", 2)
    assert outcome.message == "Slack could not be reached."


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "SLACK, which [notify] names, is not set"),
        ("http://hooks.example/SECRET", "holds no"),
        ("hooks.example/SECRET", "holds no"),
        ("https://u:SECRET@hooks.example/", "holds no"),
    ],
)
def test_an_address_that_is_none_is_named_by_its_variable(
    office: Any, value: str, words: str
) -> None:
    """Missing, unencrypted or no address at all: the variable is named, its value is not."""
    env = office.folder / ".env"
    lines = [x for x in env.read_text(encoding="utf-8").splitlines() if not x.startswith("SLACK")]
    env.write_text("\n".join([*lines, f"SLACK={value}", ""]), encoding="utf-8")
    digest = office.tell()
    assert states(digest) == {"slack": "failed", "teams": "sent", "email": "sent"}
    assert words in digest.outcomes[0].message
    assert "SECRET" not in str(digest.outcomes) + str(alerts(office))


def test_secrets_are_in_no_log_and_no_file(office: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Even with every logger at its most talkative, and with every way to fail."""
    caplog.set_level(logging.DEBUG)
    office.notify('smtp_user = "ann"', 'smtp_password = { env = "MAIL" }')
    office.slack.queue(office.slack.reply("SECRET", status=500))
    office.teams.queue(office.teams.raw(b"HTTP/1.1 SECRET", "reset"))
    office.mail.refuses |= {"ann@msp.example", "bob@msp.example"}
    assert set(states(office.tell()).values()) <= {"failed", "unsure"}
    assert "SECRET" not in caplog.text
    for file in (office.folder / ".reconcile").glob("*.json*"):
        assert "SECRET" not in file.read_text(encoding="utf-8"), file


def test_the_installation_masks_them_too(office: Any) -> None:
    """What redaction is given holds the webhooks' addresses and the mail password."""
    office.notify('smtp_user = "ann"', 'smtp_password = { env = "MAIL" }')
    values = office.site.settings.secret_values()
    assert sum("SECRET" in value for value in values) == 3


def test_a_dry_run_touches_nothing(office: Any) -> None:
    """It says who would be told, and calls, writes and remembers nothing."""
    digest = prepare_digest(office.site, Event.REVIEW_READY, "2026-11", now=office.now)
    assert (digest.waiting, digest.silent_because) == (("slack", "teams", "email"), None)
    assert calls(office) == (0, 0, 0)
    assert not office.site.state.alerts.exists()
    assert not office.site.state.digests.exists()


def test_an_event_that_is_left_out_is_silent(office: Any) -> None:
    """`events` says what people want to hear."""
    office.notify('events = ["pull_failed"]')
    assert "leaves review_ready out" in str(office.tell().silent_because)
    assert calls(office) == (0, 0, 0)


def test_a_broken_memory_is_said_and_sends_nothing(office: Any) -> None:
    """Who was told already is not guessed."""
    office.site.state.digests.write_text("[]", encoding="utf-8")
    with pytest.raises(PipelineError, match="what people were told already"):
        office.tell()
    assert calls(office) == (0, 0, 0)
