"""Settings: reconcile.toml beside the environment, checked once, typed ever after.

Every mistake is one sentence that names the file, the table and the key. Secrets stay out: the
file holds the names of variables, and values are looked up when a client is made. No Dagster.
"""

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.reconciling.policies import Policy
from reconcile_pipeline.settings_checks import Table, read_table, suggestion
from reconcile_pipeline.settings_compute import ComputeSettings
from reconcile_pipeline.settings_notify import NotifySettings
from reconcile_pipeline.settings_push import PushSettings
from reconcile_pipeline.settings_review import ReviewSettings
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.settings_tables import TABLES, read_own_tables
from reconcile_pipeline.systems.base import System
from reconcile_pipeline.systems.registry import SYSTEMS

logger = logging.getLogger(__name__)

FILE_NAME = "reconcile.toml"
_SYSTEM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Settings:
    """All settings of one installation; paths are absolute."""

    path: Path
    state_dir: Path
    keep_unused_days: float
    timezone: str
    currency: str
    grace_days: int
    first_period: str
    mappings_file: Path | None
    rhythm: Rhythm
    stale_after_hours: float
    max_row_drop: float
    max_account_drop: float
    ledger_variable: str
    policy: Policy
    limits: Limits
    is_writing_enabled: bool
    tenant: str
    evidence_hours: float
    compute: ComputeSettings
    push: PushSettings
    review: ReviewSettings
    notify: NotifySettings
    secrets: SecretSource
    systems: tuple[SystemSettings, ...]

    def system(self, name: str) -> SystemSettings:
        """Return one configured system by its name; a `settings` error lists those there are."""
        for system in self.systems:
            if system.name == name:
                return system
        raise PipelineError(
            f"{self.path.name} configures no system {name!r}.",
            next_step=suggestion(name, (system.name for system in self.systems), "systems"),
            category=Category.SETTINGS,
        )

    @property
    def psa(self) -> SystemSettings:
        """The one PSA: what is invoiced, and where agreed quantities are written."""
        return next(system for system in self.systems if system.role is Role.PSA)

    @property
    def ledger_url(self) -> str | None:
        """Look up where the ledger is; None: the file in the state folder."""
        if not self.ledger_variable:
            return None
        url = self.secrets.find(self.ledger_variable)
        if url is None or not url.startswith(("postgresql://", "postgres://")):
            raise PipelineError(
                f"The variable {self.ledger_variable}, which holds the ledger's URL, is"
                f" {'not set' if url is None else 'no postgresql:// URL'}.",
                next_step=f"Put {self.ledger_variable}=postgresql://… into"
                f" {self.path.parent / '.env'}, or leave url_variable out of [ledger].",
                category=Category.SETTINGS,
            )
        return url.replace("postgres://", "postgresql://", 1)

    def secret_values(self) -> tuple[str, ...]:
        """Return every secret that can be found now, for redaction; missing ones are left out."""
        found = {value for system in self.systems for value in system.secret_values()}
        found |= self._ledger_secrets()
        found |= self.notify.secret_values(self.secrets) | self.review.secret_values(self.secrets)
        found |= self.compute.secret_values(self.secrets)
        return tuple(sorted(found))

    def _ledger_secrets(self) -> set[str]:
        try:
            url = self.secrets.find(self.ledger_variable) if self.ledger_variable else None
            password = urlsplit(url).password if url else None
        except (PipelineError, ValueError):
            # Nothing to mask then; whoever opens the ledger gets the same error, loudly.
            logger.debug("the ledger's URL can't be looked up")
            return set()
        return {text for text in (url, password, unquote(password or "")) if text}


def load_settings(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    kinds: Mapping[str, System] = SYSTEMS,
) -> Settings:
    """Read and check the settings file; no secret has to be set for that.

    Args:
        path: the file; None takes RECONCILE_CONFIG, or reconcile.toml in the working folder.
        environ: the environment variables; the process's own unless given.
        kinds: the kinds of systems that may be configured.

    Raises:
        PipelineError: `settings`, with the first mistake found.
    """
    environment = os.environ if environ is None else environ
    if path is None:
        path = Path(environment.get("RECONCILE_CONFIG") or FILE_NAME)
    path = path.absolute()
    content = _parse(path)
    known = {*TABLES, "systems"}
    for name in content:
        if name not in known:
            raise PipelineError(
                f"{path.name}: there is no table [{name}].",
                next_step=suggestion(name, known, "tables"),
                category=Category.SETTINGS,
            )
    own = read_own_tables(path.name, content)
    folder = path.parent
    secrets = SecretSource(folder, environment)
    return Settings(
        path=path,
        state_dir=folder / own.state_dir,
        keep_unused_days=own.keep_unused_days,
        timezone=own.timezone,
        currency=own.currency,
        grace_days=own.grace_days,
        first_period=own.first_period,
        mappings_file=folder / own.mappings_file if own.mappings_file else None,
        rhythm=own.rhythm,
        stale_after_hours=own.stale_after_hours,
        max_row_drop=own.max_row_drop,
        max_account_drop=own.max_account_drop,
        ledger_variable=own.ledger_variable,
        policy=own.policy,
        limits=own.limits,
        is_writing_enabled=own.is_writing_enabled,
        tenant=own.tenant,
        evidence_hours=own.evidence_hours,
        compute=own.compute,
        push=own.push,
        review=own.review,
        notify=own.notify,
        secrets=secrets,
        systems=_systems(path, content, secrets, kinds),
    )


def _parse(path: Path) -> dict[str, object]:
    try:
        # utf-8-sig: Windows editors start a file with a byte order mark, which TOML forbids.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PipelineError(
            f"There is no settings file {path}.",
            next_step="Run `reconcile init` to write one, or name yours in RECONCILE_CONFIG.",
            category=Category.SETTINGS,
        ) from None
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{path.name} is not UTF-8 text (byte {error.start}).",
            next_step="Save it again with the encoding UTF-8.",
            category=Category.SETTINGS,
        ) from None
    except OSError as error:
        raise PipelineError(
            f"The settings file {path} can't be read: {error.strerror}.",
            next_step="Correct the path, or the file's owner and mode.",
            category=Category.SETTINGS,
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise PipelineError(
            f"{path.name} is not valid TOML: {error}.",
            next_step="Correct that line; texts need quotes, tables stand in [brackets].",
            category=Category.SETTINGS,
        ) from None


def _systems(
    path: Path,
    content: Mapping[str, object],
    secrets: SecretSource,
    kinds: Mapping[str, System],
) -> tuple[SystemSettings, ...]:
    tables = content.get("systems", {})
    if not isinstance(tables, dict):
        raise Table(path.name, "systems").refuse(
            "must be a table", "Give every system a table of its own: [systems.connectwise]."
        )
    systems = tuple(
        _system(Table(path.name, f"systems.{name}"), name, raw, secrets, kinds)
        for name, raw in tables.items()
    )
    psas = [system.name for system in systems if system.role is Role.PSA]
    if len(psas) != 1:
        known = ", ".join(kind for kind, system in kinds.items() if system.role is Role.PSA)
        found = f"configures {len(psas)} PSAs: {', '.join(psas)}" if psas else "configures no PSA"
        raise PipelineError(
            f"{path.name} {found}.",
            next_step=f"Configure exactly one system of these kinds: {known}.",
            category=Category.SETTINGS,
        )
    return systems


def _system(
    table: Table, name: str, raw: object, secrets: SecretSource, kinds: Mapping[str, System]
) -> SystemSettings:
    if not _SYSTEM_NAME.fullmatch(name):
        raise table.refuse(
            "has a name that can't be used in tables",
            "Use up to 40 small letters, digits and underscores, a letter first.",
        )
    if not isinstance(raw, dict):
        raise table.refuse("must be a table", f"Write [{table.name}] on a line of its own.")
    kind = raw.get("kind", name)
    if not isinstance(kind, str) or kind not in kinds:
        step = suggestion(str(kind), kinds, "kinds")
        what = f"is of an unknown kind {kind!r}" if "kind" in raw else "needs a 'kind'"
        raise table.refuse(what, step)
    system = kinds[kind]
    fields = {key: value for key, value in raw.items() if key != "kind"}
    return SystemSettings(
        name=name,
        kind=kind,
        title=system.title,
        role=system.role,
        folder=secrets.folder,
        values=read_table(table, fields, system.fields),
        secrets=secrets,
    )
