"""A version deployed by a commit: written into a YAML or JSON file on a branch of a local checkout, and read back."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mlops_tui.declarations.deploying import Commit
from mlops_tui.errors import Unreadable
from mlops_tui.governance._onekey import value_at, with_value
from mlops_tui.governance._order import DeployFailed, Order
from mlops_tui.running.workers import PASSED_ON

AS = ("-c", "user.name=mlops-tui", "-c", "user.email=mlops-tui@localhost", "-c", "commit.gpgsign=false")
# What a checkout could have run along with git: we move a branch and write a file, and start nothing else.
ALONE = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false")
PATIENCE = 60  # seconds for one command of git
MODE = "100644"


@dataclass(frozen=True)
class Committed:
    """The commit is made beside the working tree and the branch moved in one step, or not at all.

    Where the branch is the one that is checked out, the file in the working tree follows. Nothing is pushed.
    """

    declared: Commit
    root: Path
    name: str = "git"

    # -- the four steps ---------------------------------------------------------------------------------------------

    def plan(self, order: Order) -> list[str]:
        before, it = self._value(self._text(self._tip())), self.declared
        self._clean()
        if before == order.version:
            return [f"{it.file} on {it.branch}: {it.key} is {before} already"]
        return [f"{it.file} on {it.branch}: {it.key} {before} → {order.version}, one commit"]

    def apply(self, order: Order) -> str:
        tip = self._tip()
        text = self._text(tip)
        if self._value(text) == order.version:
            self._follow(tip)
            return f"{self.declared.file} says {order.version} already, at {tip[:12]}"
        self._clean()
        said = f"Deploy {order.model} {order.version}" + f" in place of {order.previous}" * bool(order.previous)
        made = self._commit(tip, with_value(text, self.declared.file, self.declared.key, order.version),
                            f"{said}\n\n{_trailer(order)}\n")
        return f"{made[:12]}: {said}"

    def verify(self, order: Order) -> str:
        tip = self._tip()
        found = self._value(self._text(tip))
        if found != order.version:
            raise DeployFailed(f"{self.declared.file} on {self.declared.branch} says {found}, not {order.version}")
        return f"{self.declared.file} at {tip[:12]} says {found}"

    def undo(self, order: Order) -> str:
        tip, made = self._tip(), self._made(order)
        text = self._text(tip)
        if not made or self._value(text) != order.version:
            self._follow(tip)
            return "nothing to take back"
        before = self._value(self._text(f"{made}^"))
        said = f'Revert "Deploy {order.model} {order.version}"'
        back = self._commit(tip, with_value(text, self.declared.file, self.declared.key, before),
                            f"{said}\n\nThis reverts commit {made}.\n")
        return f"{back[:12]}: {said}"

    # -- git --------------------------------------------------------------------------------------------------------

    @property
    def _repo(self) -> Path:
        return self.root / self.declared.repo

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.declared.branch}"

    def _git(self, *words: str, given: str | None = None, index: Path | None = None) -> str:
        """What git says; DeployFailed with its last line where it refuses."""
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        env = {**passed, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **({"GIT_INDEX_FILE": str(index)} if index else {})}
        try:
            done = subprocess.run(["git", "-C", str(self._repo), *ALONE, *words], input=given or "", env=env,
                                  capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as problem:
            raise DeployFailed(f"git could not be asked: {problem}", where=self.declared.repo) from problem
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            raise DeployFailed(f"git {words[0]}: {last}", where=self.declared.repo)
        return done.stdout

    def _tip(self) -> str:
        if not self._repo.is_dir():
            raise DeployFailed(f"There is no checkout in {self.declared.repo}", next="See `deploy:` of the model.")
        return self._git("rev-parse", "--verify", "--end-of-options", f"{self._ref}^{{commit}}").strip()

    def _text(self, commit: str) -> str:
        return self._git("cat-file", "blob", f"{commit}:{self.declared.file}")

    def _value(self, text: str) -> str:
        try:
            return value_at(text, self.declared.file, self.declared.key)
        except Unreadable as problem:
            raise DeployFailed(problem.what.rstrip("."), where=self.declared.repo, next=problem.next) from problem

    def _commit(self, tip: str, text: str, message: str) -> str:
        """The commit with the file's new text; the branch has moved to it. DeployFailed where it moved otherwise."""
        blob = self._git("hash-object", "-w", "--stdin", given=text).strip()
        index = Path(self._git("rev-parse", "--absolute-git-dir").strip()) / f"mlops-tui-{os.getpid()}.index"
        try:
            self._git("read-tree", tip, index=index)
            mode = self._git("ls-tree", tip, "--", self.declared.file).partition(" ")[0] or MODE
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{self.declared.file}", index=index)
            tree = self._git("write-tree", index=index).strip()
        finally:
            index.unlink(missing_ok=True)
        made = self._git(*AS, "commit-tree", tree, "-p", tip, "-F", "-", given=message).strip()
        self._git("update-ref", "-m", message.partition("\n")[0], self._ref, made, tip)
        if self._checked_out():
            self._git("checkout", "-q", "HEAD", "--", self.declared.file)
        return made

    def _checked_out(self) -> bool:
        try:
            return self._git("symbolic-ref", "-q", "HEAD").strip() == self._ref
        except DeployFailed:  # a detached head
            return False

    def _clean(self) -> None:
        """DeployFailed where the file in the working tree holds what nobody committed."""
        if self._checked_out() and self._git("status", "--porcelain", "--", self.declared.file).strip():
            raise DeployFailed(f"{self.declared.file} has changes in the checkout that are not committed",
                               where=self.declared.repo, next="Commit them, or take them back.")

    def _follow(self, tip: str) -> None:
        """Let the file in the working tree follow where we were interrupted: it is as it was one commit before."""
        file = self._repo / self.declared.file
        if not self._checked_out() or not file.is_file():
            return
        here = self._git("hash-object", "--", self.declared.file).strip()
        last = self._git("rev-list", "-n", "2", tip, "--", self.declared.file).split()
        if len(last) == 2 and here == self._git("rev-parse", f"{last[1]}:{self.declared.file}").strip():
            self._git("checkout", "-q", "HEAD", "--", self.declared.file)

    def _made(self, order: Order) -> str:
        """The commit of this very deployment on the branch; empty where there is none."""
        found = self._git("log", "-1", "--format=%H", "--fixed-strings", f"--grep={_trailer(order)}", self._ref)
        return found.strip()


def _trailer(order: Order) -> str:
    return f"Mlops-Deployment: {re.sub(r'[^A-Za-z0-9._-]', '-', order.project)}/{order.id}."
