"""[ledger], [policy] and [write_back]: safe by default, and every bad value in a sentence."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.reconciling.policies import Policy, Tolerance
from reconcile_pipeline.settings import Settings, load_settings

TOML = """\
[billing]
timezone = "UTC"
currency = "USD"
first_period = "2026-01"
[systems.connectwise]
base_url = "https://psa.example.com"
company_id = "acme"
public_key = { env = "CW_PUBLIC" }
private_key = { env = "CW_PRIVATE" }
client_id = { env = "CW_CLIENT" }
"""
URL = "postgresql://clerk:hunter2@db.example.com/ledger"
LEDGER = '[ledger]\nurl_variable = "RECONCILE_LEDGER_URL"\n'
MEASURES = ("units", "percent", "money")
WRITE_BACK_NUMBERS = ("large_units", "large_percent", "large_money", "most_changes")


def load(folder: Path, more: str = "", **environ: str) -> Settings:
    path = folder / "reconcile.toml"
    path.write_text(f"{more}\n{TOML}", encoding="utf-8")
    return load_settings(path, environ=environ)


def refusal(folder: Path, more: str) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        load(folder, more)
    error = caught.value
    assert error.category is Category.SETTINGS
    assert error.message.startswith("reconcile.toml: [")
    assert error.message.endswith(".")
    assert error.next_step
    return error


def test_nothing_is_written_or_decided_by_default(tmp_path: Path) -> None:
    """Out of the box: no writing, no policy, no tenant, a file as ledger, careful limits."""
    settings = load(tmp_path)
    assert settings.is_writing_enabled is False
    assert settings.tenant == ""
    assert settings.policy == Policy(approves_equal=False, up=Tolerance(), down=Tolerance())
    assert settings.limits == Limits(
        most_changes=200,
        large_units=Decimal(10),
        large_percent=Decimal(50),
        large_money=Decimal(500),
        four_eyes_above=Decimal(0),
    )
    assert settings.evidence_hours == 24
    assert (settings.ledger_variable, settings.ledger_url) == ("", None)


def test_every_value_is_read_into_its_place(tmp_path: Path) -> None:
    """No two settings are mixed up, and amounts are exact decimals."""
    settings = load(
        tmp_path,
        """\
[policy]
auto_approve_equal = true
tolerance_up_units = 1
tolerance_up_percent = 0.1
tolerance_up_money = 3
tolerance_down_units = 4
tolerance_down_percent = 5.5
tolerance_down_money = 6
four_eyes_above = 1000
[write_back]
enabled = true
tenant = "acme at psa.example.com"
most_changes = 7
large_units = 8
large_percent = 9
large_money = 10.01
evidence_hours = 11
""",
    )
    assert settings.policy == Policy(
        approves_equal=True,
        up=Tolerance(Decimal(1), Decimal("0.1"), Decimal(3)),
        down=Tolerance(Decimal(4), Decimal("5.5"), Decimal(6)),
    )
    assert settings.limits == Limits(
        most_changes=7,
        large_units=Decimal(8),
        large_percent=Decimal(9),
        large_money=Decimal("10.01"),
        four_eyes_above=Decimal(1000),
    )
    assert settings.is_writing_enabled is True
    assert settings.tenant == "acme at psa.example.com"
    assert settings.evidence_hours == 11


def test_a_policys_version_is_that_of_its_rules(tmp_path: Path) -> None:
    """The same rules written differently are one version; any other rule is another."""
    one = load(tmp_path, "[policy]\ntolerance_up_units = 10").policy
    same = load(tmp_path, "[policy]\ntolerance_up_units = 10.0\ntolerance_up_money = 0").policy
    assert same.version == one.version
    others = [
        load(tmp_path, "[policy]\ntolerance_up_units = 10.5").policy,
        load(tmp_path, "[policy]\ntolerance_down_units = 10").policy,
        replace(one, approves_equal=True),
    ]
    assert len({policy.version for policy in (one, *others)}) == 4


BAD_NUMBERS = [
    ("-1", "out of range: -1"),
    ("1e10", "out of range: 1e+10"),
    ("nan", "not a usable number"),
    ("inf", "not a usable number"),
    ('"5"', "a number without quotes, not text"),
    ("true", "a number without quotes, not true/false"),
    ("[5]", "a number without quotes, not a list"),
]


@pytest.mark.parametrize(("value", "words"), BAD_NUMBERS)
@pytest.mark.parametrize(
    "key",
    [
        *(f"tolerance_{way}_{measure}" for way in ("up", "down") for measure in MEASURES),
        "four_eyes_above",
    ],
)
def test_a_policy_number_that_is_none_is_refused(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    """Negative, endless, quoted: the sentence names the table, the key and what to write."""
    message = refusal(tmp_path, f"[policy]\n{key} = {value}").message
    assert message.startswith(f"reconcile.toml: [policy] key '{key}' ")
    assert words in message


@pytest.mark.parametrize(("value", "words"), BAD_NUMBERS)
@pytest.mark.parametrize("key", [*WRITE_BACK_NUMBERS, "evidence_hours"])
def test_a_limit_that_is_no_number_is_refused(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    """No limit is silently left out because it was mistyped."""
    message = refusal(tmp_path, f"[write_back]\n{key} = {value}").message
    assert message.startswith(f"reconcile.toml: [write_back] key '{key}' ")
    assert words in message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[write_back]\nmost_changes = 0", ["'most_changes'", "from 1 to 100000"]),
        ("[write_back]\nmost_changes = 100001", ["'most_changes'", "from 1 to 100000"]),
        ("[write_back]\nevidence_hours = 0", ["'evidence_hours'", "from 1 to 744"]),
        ("[write_back]\nevidence_hours = 745", ["'evidence_hours'", "from 1 to 744"]),
        ('[write_back]\nenabled = "yes"', ["'enabled'", "true or false without quotes"]),
        ("[write_back]\nenabled = 1", ["'enabled'", "true or false without quotes"]),
        ("[write_back]\ntenant = 5", ["'tenant'", "text in quotes"]),
        ('[write_back]\ntennant = "x"', ["[write_back]", "'tennant'", "'tenant'?"]),
        ('[policy]\nauto_approve_equal = "true"', ["'auto_approve_equal'", "true or false"]),
        ("[policy]\ntolerance_units = 1", ["[policy]", "'tolerance_units'"]),
        ('[ledger]\nurl = "x"', ["[ledger]", "'url'", "url_variable"]),
        ("[ledger]\nurl_variable = 5", ["'url_variable'", "text in quotes"]),
        ('[ledger]\nurl_variable = "ledger-url"', ["'url_variable'", "environment variable"]),
        ("policy = 3", ["[policy] must be a table"]),
        ("write_back = true", ["[write_back] must be a table"]),
        ("[writeback]\nenabled = true", ["[writeback]", "'write_back'?"]),
    ],
)
def test_each_mistake_names_the_key_and_the_way_out(
    tmp_path: Path, more: str, words: list[str]
) -> None:
    """A person finds the place and the correction in the error alone."""
    path = tmp_path / "reconcile.toml"
    path.write_text(f"{more}\n{TOML}", encoding="utf-8")
    with pytest.raises(PipelineError) as caught:
        load_settings(path, environ={})
    assert caught.value.category is Category.SETTINGS
    for word in ("reconcile.toml: ", *words):
        assert word in str(caught.value)


def test_a_ledger_url_pasted_into_the_file_is_refused_unseen(tmp_path: Path) -> None:
    """Only the variable's name is accepted there, and the password is never repeated."""
    error = refusal(tmp_path, f'[ledger]\nurl_variable = "{URL}"')
    assert "'url_variable'" in error.message
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_the_ledgers_url_comes_from_its_variable(tmp_path: Path, scheme: str) -> None:
    """Looked up when it is asked for, in the environment or .env; both spellings are one."""
    given = URL.replace("postgresql", scheme)
    assert load(tmp_path, LEDGER, RECONCILE_LEDGER_URL=given).ledger_url == URL
    (tmp_path / ".env").write_text(f"RECONCILE_LEDGER_URL={given}\n", encoding="utf-8")
    assert load(tmp_path, LEDGER).ledger_url == URL


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("mysql://clerk:hunter2@db/ledger", "is no postgresql:// URL"),
        ("sqlite:///ledger.db?key=hunter2", "is no postgresql:// URL"),
        ("hunter2", "is no postgresql:// URL"),
    ],
)
def test_another_ledger_than_postgresql_is_refused_unseen(
    tmp_path: Path, value: str | None, words: str
) -> None:
    """The error names variable and file, never the value; loading needs no variable."""
    environ = {} if value is None else {"RECONCILE_LEDGER_URL": value}
    settings = load(tmp_path, LEDGER, **environ)
    with pytest.raises(PipelineError, match=words) as caught:
        _ = settings.ledger_url
    assert caught.value.category is Category.SETTINGS
    assert "RECONCILE_LEDGER_URL" in caught.value.message
    assert str(tmp_path / ".env") in caught.value.next_step
    assert "hunter2" not in str(caught.value)


def test_the_ledgers_password_is_masked(tmp_path: Path) -> None:
    """The URL and the password in it are secrets like those of the systems."""
    settings = load(tmp_path, LEDGER, RECONCILE_LEDGER_URL=URL, CW_PUBLIC="key")
    assert settings.secret_values() == ("hunter2", "key", URL)
    without = "postgresql:///ledger"
    assert load(tmp_path, LEDGER, RECONCILE_LEDGER_URL=without).secret_values() == (without,)
    assert load(tmp_path, LEDGER).secret_values() == ()
    assert "hunter2" not in repr(settings)
