"""reconcile.toml: what a good file means, and one clear sentence for every mistake."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.settings import Settings, load_settings

GOOD = """\
[billing]
timezone = "America/New_York"
currency = "USD"
first_period = "2026-01"
[mappings]
file = "mappings.csv"
[systems.connectwise]
base_url = "http://127.0.0.1:8101/"
company_id = "acme"
public_key = { env = "CONNECTWISE_PUBLIC_KEY" }
private_key = { env = "CONNECTWISE_PRIVATE_KEY" }
client_id = { env = "CONNECTWISE_CLIENT_ID" }
agreement_types = ["Managed Services", 7]
[systems.backup_csv]
kind = "csv"
path = "imports/backup.csv"
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "reconcile.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ)


def refusal(folder: Path, text: str) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        load(folder, text)
    assert caught.value.category is Category.SETTINGS
    assert "reconcile.toml" in caught.value.message
    assert caught.value.next_step
    return caught.value


def test_a_good_file_becomes_typed_settings_with_defaults(tmp_path: Path) -> None:
    """Everything the file says is read, and what it leaves out has its documented default."""
    settings = load(tmp_path, GOOD)
    assert settings.timezone == "America/New_York"
    assert settings.currency == "USD"
    assert settings.grace_days == 3
    assert settings.first_period == "2026-01"
    assert settings.state_dir == tmp_path / ".reconcile"
    assert settings.mappings_file == tmp_path / "mappings.csv"
    assert (settings.stale_after_hours, settings.max_row_drop) == (24, 0.20)
    assert settings.max_account_drop == 0.10
    assert [system.name for system in settings.systems] == ["connectwise", "backup_csv"]
    assert settings.psa.name == "connectwise"
    assert settings.psa.text("base_url") == "http://127.0.0.1:8101"
    assert settings.psa.items("agreement_types") == ("Managed Services", "7")
    csv = settings.system("backup_csv")
    assert (csv.kind, csv.role, csv.title) == ("csv", Role.VENDOR, "CSV or Excel file")
    assert csv.path("path") == tmp_path / "imports" / "backup.csv"
    assert csv.flag("partial") is False
    assert csv.number("max_megabytes") == 5


def test_mappings_are_optional(tmp_path: Path) -> None:
    """Without a mappings table there is no mappings file."""
    text = GOOD.replace('[mappings]\nfile = "mappings.csv"\n', "")
    assert load(tmp_path, text).mappings_file is None


def test_the_file_is_found_by_variable_then_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RECONCILE_CONFIG names the file; else reconcile.toml of the working folder is read."""
    (tmp_path / "reconcile.toml").write_text(GOOD, encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text(GOOD.replace("USD", "EUR"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={"RECONCILE_CONFIG": str(other)}).currency == "EUR"
    found = load_settings(environ={})
    assert found.currency == "USD"
    assert found.state_dir.is_absolute()


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    """A file saved by a Windows editor loads like any other."""
    path = tmp_path / "reconcile.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_settings(path, environ={}).currency == "USD"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('currency = "USD"', 'curency = "USD"', ["[billing]", "'curency'", "'currency'?"]),
        ('currency = "USD"', "", ["[billing]", "no 'currency'", 'currency = "USD"']),
        ('currency = "USD"', 'currency = "usd"', ["[billing]", "'currency'", "usd"]),
        ('currency = "USD"', "currency = 5", ["[billing]", "'currency'", "text in quotes"]),
        ('currency = "USD"', 'currency = "USD"\ngrace_days = "3"', ["'grace_days'", "number"]),
        ('currency = "USD"', 'currency = "USD"\ngrace_days = true', ["'grace_days'", "number"]),
        ('currency = "USD"', 'currency = "USD"\ngrace_days = 2.5', ["'grace_days'", "whole"]),
        ('currency = "USD"', 'currency = "USD"\ngrace_days = -1', ["'grace_days'", "range"]),
        ('currency = "USD"', 'currency = "USD"\ngrace_days = nan', ["'grace_days'", "usable"]),
        ("America/New_York", "America/NewYork", ["[billing]", "'timezone'", "America/NewYork"]),
        ("America/New_York", "europe/berlin", ["'timezone'", "'Europe/Berlin'"]),
        ("America/New_York", "../etc/passwd", ["'timezone'"]),
        ('first_period = "2026-01"', 'first_period = "2026-13"', ["'first_period'", "2026-13"]),
        ("[mappings]", "[mapings]", ["[mapings]", "'mappings'?"]),
        (
            "[mappings]",
            "[evidence]\nmax_row_drop = 20\n[mappings]",
            ["[evidence]", "'max_row_drop'"],
        ),
        ("[mappings]", '[state]\ndir = ""\n[mappings]', ["[state]", "'dir'", "empty"]),
        (
            "[systems.connectwise]",
            "[systems.conectwise]",
            ["[systems.conectwise]", "'connectwise'?"],
        ),
        ("[systems.backup_csv]", "[systems.Backup-CSV]", ["[systems.Backup-CSV]", "name"]),
        ('kind = "csv"', 'kind = "cvs"', ["[systems.backup_csv]", "'cvs'", "'csv'?"]),
        ('kind = "csv"', "", ["[systems.backup_csv]", "'kind'"]),
        ('kind = "csv"', "kind = 5", ["[systems.backup_csv]", "kind"]),
        ('company_id = "acme"', "", ["[systems.connectwise]", "'company_id'"]),
        (
            'company_id = "acme"',
            'company_id = " "',
            ["[systems.connectwise]", "'company_id'", "empty"],
        ),
        ('company_id = "acme"', 'compny_id = "acme"', ["'compny_id'", "'company_id'?"]),
        ('["Managed Services", 7]', '"Managed Services"', ["'agreement_types'", "list"]),
        ('["Managed Services", 7]', "[true]", ["'agreement_types'", "list"]),
        (
            'path = "imports/backup.csv"',
            'path = "a.csv"\npartial = "yes"',
            ["'partial'", "true or false"],
        ),
        ("http://127.0.0.1:8101/", "http://psa.example.com", ["'base_url'", "http://", "https://"]),
        ("http://127.0.0.1:8101/", "http://127.0.0.1.example.com", ["'base_url'", "http://"]),
        ("http://127.0.0.1:8101/", "ftp://psa.example.com", ["'base_url'", "web address"]),
        ("http://127.0.0.1:8101/", "psa.example.com", ["'base_url'", "web address"]),
        ("http://127.0.0.1:8101/", "https://psa.example.com:x", ["'base_url'", "web address"]),
        ("http://127.0.0.1:8101/", "https://psa.example.com/?a=b", ["'base_url'", "web address"]),
    ],
)
def test_each_mistake_names_table_and_key_and_the_way_out(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    """A person finds the place and the correction in the error alone."""
    assert old in GOOD
    text = str(refusal(tmp_path, GOOD.replace(old, new)))
    for word in words:
        assert word in text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_plain_http_is_allowed_on_this_machine(tmp_path: Path, host: str) -> None:
    """Loopback addresses may go without encryption, so that a demo needs no certificate."""
    assert load(tmp_path, GOOD.replace("127.0.0.1", host))


def test_malformed_toml_names_the_line(tmp_path: Path) -> None:
    """The person is sent to the line that can't be read."""
    assert "line 3" in refusal(tmp_path, GOOD.replace('"USD"', '"USD')).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("billing = 3\n", "[billing] must be a table"),
        ('systems = "x"\n' + GOOD[: GOOD.index("[systems")], "[systems] must be a table"),
        (GOOD[: GOOD.index("[systems")] + "[systems]\npax8 = 1\n", "[systems.pax8] must be"),
    ],
)
def test_a_value_in_place_of_a_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Tables are tables."""
    assert words in refusal(tmp_path, text).message


def test_exactly_one_psa_is_required(tmp_path: Path) -> None:
    """Without a PSA, and with two, nothing is compared."""
    before, table, after = GOOD.partition("[systems.connectwise]")
    lines, backup, rest = after.partition("[systems.backup_csv]")
    none = refusal(tmp_path, before + backup + rest)
    assert "no PSA" in none.message
    assert "connectwise" in none.next_step
    second = f'[systems.second]\nkind = "connectwise"{lines}'
    two = refusal(tmp_path, before + table + lines + second + backup + rest)
    assert "2 PSAs: connectwise, second" in two.message


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The first error a newcomer sees leads to `reconcile init`."""
    with pytest.raises(PipelineError, match="reconcile init") as caught:
        load_settings(tmp_path / "reconcile.toml", environ={})
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("is_folder", [True, False])
def test_an_unreadable_file_is_a_settings_error(tmp_path: Path, *, is_folder: bool) -> None:
    """Folders and bytes that are no text are refused in words, not with a traceback."""
    path = tmp_path / "reconcile.toml"
    if is_folder:
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PipelineError) as caught:
        load_settings(path, environ={})
    assert caught.value.category is Category.SETTINGS


def test_an_unknown_system_name_is_suggested(tmp_path: Path) -> None:
    """Asking for a system that is not configured names the one that was meant."""
    with pytest.raises(PipelineError, match="backup_csv"):
        load(tmp_path, GOOD).system("backup_cvs")


def test_reads_of_the_wrong_type_are_mistakes_of_ours(tmp_path: Path) -> None:
    """A module that reads a setting as another type than declared fails loudly."""
    system = load(tmp_path, GOOD).psa
    for read in (system.number, system.flag, system.items, system.secret):
        with pytest.raises(TypeError, match="company_id"):
            read("company_id")
    with pytest.raises(TypeError, match="agreement_types"):
        system.text("agreement_types")
