"""The table [review]: defaults that reach nobody, a login for everybody else, one sentence each."""

from pathlib import Path

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.settings_review import REVIEW_FIELDS, ReviewSettings
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.web.access.identities import identities_of
from reconcile_pipeline.web.access.users import Account, Role, UsersFile

SECRET = "0123456789abcdef0123456789abcdef"
PROXY = 'proxy_header = "X-Forwarded-User"\nproxy_secret = { env = "RECONCILE_PROXY_SECRET" }\n'
USERS = 'users_file = "users.toml"\n'


def load(folder: Path, table: str, **environ: str) -> Settings:
    path = folder / "reconcile.toml"
    text = template(["connectwise"])[0].replace("[review]\n", f"[review]\n{table}\n")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ)


def test_by_default_only_this_machine_is_answered(tmp_path: Path) -> None:
    """Loopback, no login, no proxy that could name anybody."""
    found = load(tmp_path, "").review
    assert found == ReviewSettings()
    assert (found.host, found.port, found.has_login) == ("127.0.0.1", 8231, False)


def test_everything_can_be_said(tmp_path: Path) -> None:
    """Names in small letters and with the one of base_url; https means cookies over TLS only."""
    found = load(
        tmp_path,
        f'host = "192.0.2.7"\nallow_remote = true\nport = 1\n{USERS}{PROXY}'
        'base_url = "https://Review.MSP.example/"\nnames = ["Other.example"]\n'
        'session_hours = 4\nidle_minutes = 10\nproxy_role = "viewer"\nproxy_peers = ["10.0.0.5"]',
    ).review
    assert found.names == ("other.example", "review.msp.example")
    assert (found.is_tls, found.has_login, found.proxy_header) == (True, True, "x-forwarded-user")
    assert (found.session_seconds, found.idle_seconds) == (4 * 3600, 600)
    assert [str(net) for net in found.proxy_peers] == ["10.0.0.5/32"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('host = "192.0.2.7"', "other machines may reach: '192.0.2.7'"),
        ('host = "192.0.2.7"\n' + USERS, "other machines may reach: '192.0.2.7'"),
        ('host = "::"', "other machines may reach: '::'"),
        ("allow_remote = true", "nobody has to log in"),
        ('host = "192.0.2.7"\nallow_remote = true', "nobody has to log in"),
        ('names = ["review.msp.example"]', "nobody has to log in"),
        ('base_url = "https://review.msp.example"', "nobody has to log in"),
        ('base_url = "http://review.msp.example"\n' + USERS, "'base_url'"),
        ('proxy_header = "X-Forwarded-User"', "only one of"),
        ('proxy_secret = { env = "A" }\n' + USERS, "only one of"),
        ('proxy_secret = "abc"', "plain text"),
        ('proxy_header = "X Forwarded"', "no name of a header"),
        ('proxy_header = "X-A\\r\\nB"', "'proxy_header'"),
        ('psa_link = "javascript:alert(1)"', "no web address"),
        ('psa_link = "https://psa.example/{agreement}"', "{agreement_id}"),
        ('psa_link = "https://psa.example/{agreement_id"', "nothing else"),
        ('psa_link = "https://psa.example/{}"', "nothing else"),
        ('proxy_role = "boss"', "no role"),
        ('proxy_role = "nobody"', "no role"),
        ('proxy_peers = ["proxy.example"]', "no address"),
        ('proxy_peers = ["10.0.0.1/8"]', "no address"),
        ('names = ["https://review.msp.example"]\n' + USERS, "no host name"),
        ('names = ["review.msp.example:443"]\n' + USERS, "no host name"),
        ("port = -1", "'port'"),
        ("port = 65536", "'port'"),
        ("session_hours = 0", "'session_hours'"),
        ("idle_minutes = 0.5", "'idle_minutes'"),
        ('user_file = "users.toml"', "'users_file'"),
    ],
)
@pytest.mark.fault(108)
def test_mistakes_are_named(tmp_path: Path, table: str, words: str) -> None:
    """What would let strangers in is refused before anything is served."""
    with pytest.raises(PipelineError) as caught:
        load(tmp_path, table)
    assert words in str(caught.value)
    assert "[review]" in caught.value.message
    assert caught.value.next_step
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize("secret", ["", SECRET[:-1]])
def test_a_proxys_secret_is_set_and_long(tmp_path: Path, secret: str) -> None:
    """The name of the variable is told, its value never; a good one is masked in every log."""
    with pytest.raises(PipelineError, match="RECONCILE_PROXY_SECRET") as caught:
        identities_of(load(tmp_path, PROXY, RECONCILE_PROXY_SECRET=secret))
    assert not secret or secret not in str(caught.value)
    settings = load(tmp_path, PROXY, RECONCILE_PROXY_SECRET=SECRET)
    assert SECRET in settings.secret_values()
    assert identities_of(settings).users is None


def test_the_app_is_not_served_without_anybody_who_may_log_in(tmp_path: Path) -> None:
    """A missing or empty file of accounts is told at the start, not at the first login."""
    settings = load(tmp_path, USERS)
    with pytest.raises(PipelineError, match="No such file"):
        identities_of(settings)
    users = UsersFile(tmp_path / "users.toml")
    with users.changing():
        pass
    with pytest.raises(PipelineError, match="holds no account"):
        identities_of(settings)
    with users.changing() as accounts:
        accounts["ann"] = Account("ann", Role.ADMIN)
    assert identities_of(settings).users is not None


def test_every_key_is_in_the_written_file() -> None:
    """`reconcile init` shows what there is, and where the secret goes."""
    toml, env = template(["connectwise"])
    table = toml.partition("[review]\n")[2].partition("\n[")[0]
    assert all(f"# {field.name} = " in table for field in REVIEW_FIELDS)
    assert "RECONCILE_PROXY_SECRET=\n" in env
