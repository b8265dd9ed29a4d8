"""What brings a version to where it serves, besides the registry's alias: planned, applied, verified, or undone."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops_tui.declarations.deploying import Commands, Deploy
from mlops_tui.errors import Refusal
from mlops_tui.governance._committed import Committed
from mlops_tui.governance._order import DeployFailed, Order
from mlops_tui.running.workers import PASSED_ON

MOST = 64 * 1024  # bytes of what a program says that are kept: the last ones
LEAST = 4  # characters of a secret below which its hiding would hide words
SHOWN = 20  # lines of a program's plan


class Deployer(Protocol):
    """Four steps, each of which may be done again where it was interrupted; DeployFailed where one fails.

    Each gives what it said. `apply` does nothing where it is done, `undo` nothing where nothing was.
    """

    @property
    def name(self) -> str: ...
    def plan(self, order: Order) -> list[str]: ...
    def apply(self, order: Order) -> str: ...
    def verify(self, order: Order) -> str: ...
    def undo(self, order: Order) -> str: ...


@dataclass(frozen=True)
class Alias:
    """The registry's alias is all there is: it follows the history, so nothing is done before."""

    name: str = "alias"

    def plan(self, order: Order) -> list[str]:
        return [f"the alias 'champion' in the registry: {order.previous or 'none'} → {order.version}"]

    def apply(self, order: Order) -> str:
        return ""

    verify = undo = apply


@dataclass(frozen=True)
class Programs:
    """Programs of the team's, run in the project's folder."""

    declared: Commands
    root: Path
    name: str = "command"

    def plan(self, order: Order) -> list[str]:
        lines = [f"{step}: {' '.join(self._words(getattr(self.declared, step), order))}"
                 for step in ("apply", "verify", "undo")]
        said = self._run(self.declared.plan, order).splitlines() if self.declared.plan else []
        return [*lines, *(f"plan says: {line}" for line in said[:SHOWN]), *(["…"] if len(said) > SHOWN else [])]

    def apply(self, order: Order) -> str:
        return self._run(self.declared.apply, order)

    def verify(self, order: Order) -> str:
        return self._run(self.declared.verify, order)

    def undo(self, order: Order) -> str:
        return self._run(self.declared.undo, order)

    def _words(self, argv: Sequence[str], order: Order) -> list[str]:
        return [re.sub(r"\{(\w+)\}", lambda found: order.filled[found[1]], word) for word in argv]

    def _run(self, argv: Sequence[str], order: Order) -> str:
        """What the program says; DeployFailed where it cannot be started, ends otherwise than with 0, or in time."""
        words, passed = self._words(argv, order), _passed(self.declared.environment, os.environ)
        shown = words[0]
        with tempfile.TemporaryFile() as out:
            try:
                process = subprocess.Popen(words, cwd=self.root, env={**passed, **order.environment},
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                           start_new_session=True)
            except (OSError, ValueError) as problem:
                raise DeployFailed(f"{shown} could not be started: {problem}") from problem
            try:
                code: int | None = process.wait(self.declared.timeout.total_seconds())
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _ended(process)
            out.seek(max(out.seek(0, os.SEEK_END) - MOST, 0))
            said = _hidden(out.read().decode(errors="replace"), self.declared.environment, os.environ)
        if code != 0:
            how = "was still at work when its time was up" if code is None else f"ended with {code}"
            raise DeployFailed(f"{shown} {how}{_last(said)}", log=said)
        return said


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End it, with what it started, where its time is up or somebody interrupts us."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _passed(names: Sequence[str], outer: Mapping[str, str]) -> dict[str, str]:
    """The variables that a program sees; DeployFailed where one that is declared is not set."""
    if lacks := [name for name in names if name not in outer]:
        raise DeployFailed(f"The environment has no {', '.join(lacks)}", next="Set it where mlops-tui runs.")
    return {name: outer[name] for name in (*PASSED_ON, *names) if name in outer}


def _hidden(said: str, names: Sequence[str], outer: Mapping[str, str]) -> str:
    """The text without the values of the variables that were declared: they may be secrets."""
    for value in sorted((outer[name] for name in names if len(outer.get(name, "")) >= LEAST), key=len, reverse=True):
        said = said.replace(value, "…")
    return said


def _last(said: str) -> str:
    """The last line that a program said, as an end of a sentence."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if lines else ""


def deployer_of(root: Path, declared: Deploy | None) -> Deployer:
    """The deployer that a model declares; the alias where it declares none."""
    if declared is None:
        return Alias()
    if declared.command is not None:
        return Programs(declared.command, root)
    if declared.git is None:
        raise Refusal("The model's `deploy:` names nothing.")
    return Committed(declared.git, root)
