"""One configured system: typed reads of its table, and its secrets at the moment of asking.

Secrets are never stored in an object here, so no repr, log or event can show them. Which fields
a system has is declared in its own module; which systems are configured is read in `settings`.
"""

import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.settings_checks import SecretName, Value

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SecretSource:
    """The environment first, then the .env file beside reconcile.toml; read at each question."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def find(self, variable: str) -> str | None:
        """Return the value of a variable, or of the file `<variable>_FILE` names; None if unset.

        An empty value counts as unset: that is what an untouched copy of .env.example holds.

        Raises:
            PipelineError: `settings`, if .env or the named file can't be read.
        """
        for values in (self.environ, self._dotenv()):
            value = (values.get(variable) or "").strip()
            if value:
                return value
            file = (values.get(f"{variable}_FILE") or "").strip()
            if file:
                return self._read_secret_file(variable, self.folder / file)
        return None

    def _dotenv(self) -> Mapping[str, str | None]:
        path = self.folder / ".env"
        if not path.is_file():
            return {}
        try:
            # No interpolation: a key that happens to contain ${...} is meant as it stands.
            # utf-8-sig: Windows editors put a byte order mark before the first name.
            return dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"The file {path} can't be read ({type(error).__name__}).",
                next_step="Make it readable for this user and save it as UTF-8 text.",
                category=Category.SETTINGS,
            ) from error

    def _read_secret_file(self, variable: str, path: Path) -> str:
        try:
            mode = path.stat().st_mode
            value = path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"The file that {variable}_FILE names, {path}, can't be read"
                f" ({type(error).__name__}).",
                next_step="Correct the path, or the file's owner and mode.",
                category=Category.SETTINGS,
            ) from error
        if not value:
            raise PipelineError(
                f"The file that {variable}_FILE names, {path}, is empty.",
                next_step="Put the secret into it, nothing else.",
                category=Category.SETTINGS,
            )
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            logger.warning("%s holds a secret and others may read it: chmod 600 it", path)
        return value


@dataclass
class SystemSettings:
    """The account of one configured system, as `systems.base.Account` describes it.

    Not frozen only because that protocol declares plain attributes; nobody changes one.
    """

    name: str
    kind: str
    title: str
    role: Role
    folder: Path
    """The folder of reconcile.toml, which relative paths start from."""
    values: Mapping[str, Value]
    secrets: SecretSource

    def text(self, name: str) -> str:
        """Return a text or url setting; "" for an optional one left out without a default."""
        value = self.values[name]
        if not isinstance(value, str):
            raise self._mistaken(name, "text")
        return value

    def number(self, name: str) -> float:
        """Return a number setting."""
        value = self.values[name]
        if isinstance(value, bool) or not isinstance(value, float):
            raise self._mistaken(name, "a number")
        return value

    def flag(self, name: str) -> bool:
        """Return a yes/no setting."""
        value = self.values[name]
        if not isinstance(value, bool):
            raise self._mistaken(name, "a flag")
        return value

    def items(self, name: str) -> tuple[str, ...]:
        """Return a list setting; numbers in it come as text."""
        value = self.values[name]
        if not isinstance(value, tuple):
            raise self._mistaken(name, "a list")
        return value

    def path(self, name: str) -> Path:
        """Return a text setting as a path; a relative one starts at reconcile.toml's folder."""
        return self.folder / self.text(name)

    def secret(self, name: str) -> str:
        """Look a secret up now.

        Raises:
            PipelineError: `settings`, naming the variable, the file and the system to fill in.
        """
        value = self.values[name]
        if not isinstance(value, SecretName):
            raise self._mistaken(name, "a secret")
        found = self.secrets.find(value.variable)
        if found is None:
            raise PipelineError(
                f"The variable {value.variable}, which holds {name} of {self.name}"
                f" ({self.title}), is not set.",
                next_step=f"Put {value.variable}=... into {self.folder / '.env'}, or set it in"
                " the environment.",
                category=Category.SETTINGS,
                system=self.name,
            )
        if not (found.isascii() and found.isprintable()):
            raise PipelineError(
                f"The variable {value.variable} of {self.name} ({self.title}) holds a line break"
                " or another character that no key has.",
                next_step="Copy the value again: one line of plain letters, digits and signs.",
                category=Category.SETTINGS,
                system=self.name,
            )
        return found

    def secret_values(self) -> list[str]:
        """Return the secrets that can be found now, to mask them wherever text goes out."""
        names = [value for value in self.values.values() if isinstance(value, SecretName)]
        found = []
        for name in names:
            try:
                value = self.secrets.find(name.variable)
            except PipelineError:
                # Nothing to mask then; whoever needs this secret gets the same error, loudly.
                logger.debug("variable %s can't be looked up", name.variable)
                continue
            if value:
                found.append(value)
        return found

    def _mistaken(self, name: str, expected: str) -> TypeError:
        return TypeError(f"setting {name} of kind {self.kind} is not declared as {expected}")
