"""The three forms: what Slack, Teams and mail programs take, whatever names come in."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconcile_pipeline.digest.email import as_html
from reconcile_pipeline.digest.slack import slack_message
from reconcile_pipeline.digest.teams import MOST_BYTES, teams_message
from reconcile_pipeline.digest.words import Letter, Part, harmless, plain_text
from reconcile_pipeline.settings_notify import Event

HOSTILE = "<!channel> & @everyone *b* _i_ ~s~ `c` [t](https://evil.example) <script>x</script>"
LINK = "https://msp.example/review?a=1&b=<2>|3"


def slack_texts(message: dict[str, Any]) -> list[dict[str, str]]:
    return [block["text"] for block in message["blocks"]]


def judge_slack(message: dict[str, Any]) -> None:
    """Slack's documented limits, and its three control characters."""
    assert set(message) == {"text", "blocks"}
    assert 0 < len(message["text"]) <= 3000
    assert 0 < len(message["blocks"]) <= 50
    assert message["blocks"][0]["type"] == "header"
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    for text in slack_texts(message):
        assert 0 < len(text["text"]) <= 3000
    assert sum(len(text["text"]) for text in slack_texts(message)) < 13_000
    for said in [
        message["text"],
        *(t["text"] for t in slack_texts(message) if t["type"] == "plain_text"),
    ]:
        assert "<" not in said
        assert ">" not in said
        entities = said.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in entities


def judge_teams(message: dict[str, Any]) -> None:
    """The envelope of a message, one Adaptive Card in it, and no text that is read as markdown."""
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}
    runs = [run for element in card["body"] for run in element["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert len(json.dumps(message, ensure_ascii=False).encode()) < MOST_BYTES
    assert "<at>" not in json.dumps(message)


def letter(lines: int, line: str, parts: int = 6) -> Letter:
    body = tuple(Part(f"Part {number}", (line,) * lines) for number in range(parts))
    return Letter("Subject", body, LINK)


def test_what_is_sent_is_what_the_vendors_document(office: Any) -> None:
    """The bodies that real servers receive, names and hostile ones included."""
    office.notify("customer_names = true")
    office.tell()
    judge_slack(json.loads(office.slack.seen[0].body))
    judge_teams(json.loads(office.teams.seen[0].body))


@pytest.mark.parametrize("line", [HOSTILE, "&" * 240, "x" * 240, "€" * 240])
@pytest.mark.parametrize("lines", [0, 1, 10])
def test_limits_hold_for_the_longest_letter(line: str, lines: int) -> None:
    """Six parts of ten full lines, escaped to five times their length."""
    judge_slack(slack_message(letter(lines, harmless(line, 240))))
    judge_teams(teams_message(letter(lines, harmless(line, 240))))


def test_slack_cuts_what_no_limit_would_take() -> None:
    """Far too many parts, and a subject without end: cut, and said so."""
    long = replace(letter(10, "&" * 240, parts=80), subject="&" * 500)
    message = slack_message(long)
    judge_slack(message)
    assert "…" in [text["text"] for text in slack_texts(message)]


def test_the_link_is_the_only_markup() -> None:
    """In Slack the one mrkdwn text is ours, and its address can't end it early."""
    marked = [
        text for text in slack_texts(slack_message(letter(1, "x"))) if text["type"] == "mrkdwn"
    ]
    assert marked == [
        {
            "type": "mrkdwn",
            "text": "<https://msp.example/review?a=1&amp;b=&lt;2&gt;%7C3|Open the review>",
        }
    ]
    card = teams_message(letter(1, "x"))["attachments"][0]["content"]
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]


def test_without_a_link_there_is_none() -> None:
    """No review app, no address: nothing that leads nowhere."""
    bare = replace(letter(1, "x"), link=None)
    assert "mrkdwn" not in json.dumps(slack_message(bare))
    assert "actions" not in teams_message(bare)["attachments"][0]["content"]
    assert "href" not in as_html(bare)
    assert "Review:" not in plain_text(bare)


def test_html_is_inert() -> None:
    """No tag and no attribute from outside, in the title, the lines or the link."""
    page = as_html(Letter(HOSTILE, (Part(HOSTILE, (HOSTILE,)),), '"><script>x</script>'))
    assert "<script" not in page
    assert page.count("<a ") == 1
    assert '"><' not in page.replace('lang="en"><', "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Acme\r\nBcc: x@evil.example\x00", "Acme Bcc: x@\u2060evil.example"),
        ("@everyone", "@\u2060everyone"),
        ("https://evil.example", "https:/\u2060/evil.example"),
        ("right\u202eleft\u200b", "right left"),
        ("x" * 99, "x" * 59 + "…"),
        ("Söhne & Co", "Söhne & Co"),
    ],
)
def test_names_are_made_harmless(name: str, shown: str) -> None:
    """One line without controls, mentions, links or tricks of direction; readable otherwise."""
    assert harmless(name) == shown


@pytest.mark.parametrize("event", list(Event))
def test_no_customer_is_named_by_default(office: Any, event: Event) -> None:
    """Not one byte of a customer's or a service's name goes out, nor a vendor's own words."""
    office.pull("sophos", office.now, "credentials")
    office.tell(event)
    sent = office.bytes_sent()
    for word in ("Evil", "Söhne", "everyone", "Quiet", "Backup", "U123", "evil.example", "said no"):
        assert word not in sent


def test_names_appear_when_they_are_allowed(office: Any) -> None:
    """Then people see which cards and whose words; still nothing that a chat would act on."""
    office.notify("customer_names = true")
    office.pull("sophos", office.now, "credentials")
    office.tell()
    sent = office.bytes_sent()
    for word in ("Evil", "Söhne", "said no", "Ask Quiet Customer."):
        assert word in sent
    page = office.mail.mails[0].get_body(("html",)).get_content()
    chat = office.slack.seen[0].body.decode()
    for live in ("<!channel>", "<@U123>", "@everyone", "https://evil.example", "<img"):
        assert live not in chat
        assert live not in page
    assert "&lt;!channel&gt;" in page


def test_money_stays_with_its_currency(office: Any) -> None:
    """Dollars and euros each on a line of their own, and their sum nowhere."""
    office.tell()
    sent = office.bytes_sent()
    assert "Under-billed: 1 card, 400.00 EUR used and not invoiced" in sent
    assert "Under-billed: 1 card, 30.00 USD used and not invoiced" in sent
    assert "430" not in sent
