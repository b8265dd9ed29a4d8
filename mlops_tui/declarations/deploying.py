"""How a promoted version comes to serve, and how long it is watched: `deploy:` and `watch:` of a model."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest

WORDS = ("model", "version", "previous", "artifact", "deployment")  # what a command may name in braces
CHECKS = ("performance", "calibration", "drift", "health", "traffic", "payloads", "stability", "bias", "validate",
          "ingest", "errors")  # `errors`: the share of failed requests, which the check `traffic` finds


@dataclass(frozen=True)
class Commands:
    """Programs that deploy: each an argv, run without a shell and without our environment.

    `{model}`, `{version}`, `{previous}`, `{artifact}` and `{deployment}` in a word are filled in; `apply` and `undo`
    must do nothing where what they do is done. `plan` says what would happen; `environment` names what is passed on.
    """

    apply: tuple[str, ...]
    verify: tuple[str, ...]
    undo: tuple[str, ...]
    plan: tuple[str, ...] = ()
    timeout: timedelta = timedelta(minutes=2)
    environment: tuple[str, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """No program; a word in braces that nothing is known of; no time."""
        for key in ("apply", "verify", "undo", "plan"):
            words = getattr(self, key)
            if key != "plan" and not words:
                yield Mistake(f"{key} needs a program.", (key,), "Write [./deploy.sh, '{version}'].")
            for place, word in enumerate(words):
                for name in re.findall(r"\{(\w*)\}", word):
                    if name not in WORDS:
                        yield Mistake(f"No '{{{name}}}' to fill in.", (key, place),
                                      nearest(name, WORDS) or f"There is {', '.join(WORDS)}.")
        if not self.timeout:
            yield Mistake("A program needs some time.", ("timeout",), "Write 2m.")


@dataclass(frozen=True)
class Commit:
    """A commit in a local git checkout: the version is written at `key` of a YAML or JSON file on a branch."""

    repo: str
    file: str
    key: str
    branch: str

    def mistakes(self) -> Iterator[Mistake]:
        """A file of another form, or outside of the checkout; a branch that git would take for something else."""
        if not self.file.endswith((".yaml", ".yml", ".json")):
            yield Mistake(f"'{self.file}' is neither YAML nor JSON.", ("file",), "Write values.yaml.")
        if self.file.startswith(("/", "-")) or ".." in self.file.split("/"):
            yield Mistake(f"'{self.file}' is not inside the checkout.", ("file",))
        if not all(self.key.split(".")):
            yield Mistake(f"'{self.key}' names no key.", ("key",), "Write models.delay.version.")
        if re.fullmatch(r"[A-Za-z0-9][\w./-]*", self.branch) is None or ".." in self.branch:
            yield Mistake(f"'{self.branch}' is no branch.", ("branch",), "Write main.")


@dataclass(frozen=True)
class Deploy:
    """By what a version is deployed besides the alias in the registry: programs, or a commit."""

    command: Commands | None = None
    git: Commit | None = None

    def __post_init__(self) -> None:
        if (self.command is None) == (self.git is None):
            raise ValueError("deploy needs either command or git; without it the alias in the registry is all")


@dataclass(frozen=True)
class Watch:
    """For how long a promoted version is watched, and which findings about it roll it back: `{performance: fail}`."""

    rollback_if: Mapping[str, Literal["fail", "warn"]]
    for_: timedelta = timedelta(days=1)

    def mistakes(self) -> Iterator[Mistake]:
        """Nothing to look at, a check that is none, no time."""
        if not self.rollback_if:
            yield Mistake("A watch looks at some finding.", ("rollback_if",), "Write {performance: fail}.")
        for name in self.rollback_if:
            if name not in CHECKS:
                yield Mistake(f"No check '{name}'.", ("rollback_if", name),
                              nearest(name, CHECKS) or f"Checks: {', '.join(CHECKS)}.")
        if not self.for_:
            yield Mistake("A watch takes some time.", ("for",), "Write 24h.")
