"""A proposal as a commit on a git branch of its own, made beside the working tree and the index, which stay as they
are."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_tui.errors import BadInput, Conflict
from mlops_tui.folds import ProposalState

PATIENCE = 60  # seconds for one git command
NONE = "0" * 40
PLAIN, RUNS = "100644", "100755"
# What git tells the programs that it starts about the repository that it is at work in.
ELSEWHERE = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE",
             "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX"}


@dataclass(frozen=True)
class Base:
    """The commit that a branch starts from, and where the file lies in the repository, with its mode."""

    root: Path
    commit: str
    path: str
    mode: str


def base_of(root: Path, branch: str, found: ProposalState) -> Base:
    """What the branch would start from; BadInput where there is no git or no such name, Conflict where the branch is
    there already, or the file is not in the last commit as it was when it was proposed."""
    prefix = _git(root, "rev-parse", "--show-prefix")
    if prefix is None:
        raise BadInput("The project lies in no git repository.", where=str(root),
                       next=f"Leave --branch out, or run git init: mlops-tui adopt {found.id}")
    if _git(root, "check-ref-format", "--branch", branch) is None or branch.startswith("-"):
        raise BadInput(f"'{branch}' is no name of a branch.", next="Write such as lesson-p-1.")
    if _git(root, "show-ref", "--verify", f"refs/heads/{branch}") is not None:
        raise Conflict(f"There is a branch '{branch}' already.", where=str(root), next="Name another.")
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if commit is None:
        raise Conflict("The repository has no commit yet to start from.", where=str(root),
                       next="Commit the project first.")
    path = f"{prefix}{found.path}"
    listed = _git(root, "ls-tree", "--full-tree", commit, "--", path) or ""
    mode = listed.split(" ")[0] or PLAIN
    if mode not in (PLAIN, RUNS):
        raise BadInput(f"'{found.path}' is no plain file in the repository.", where=path, next="Decline the proposal.")
    content = _bytes(root, "cat-file", "--filters", f"{commit}:{path}") if listed else b""
    if (hashlib.sha256(content or b"").hexdigest() if listed else "") != found.before:
        raise Conflict(f"{found.path} is in the last commit not as it was when {found.id} was proposed.",
                       where=commit[:12], next="Commit it first, or leave --branch out.")
    return Base(root, commit, path, mode)


def committed(base: Base, branch: str, found: ProposalState, who: Mapping[str, str]) -> str:
    """The new commit, whose branch is there once everything else is; Conflict where somebody made it meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        blob = _done(base.root, "hash-object", "-w", "--stdin", "--path", base.path, said=found.content)
        _done(base.root, "read-tree", base.commit, env=index)
        _done(base.root, "update-index", "--add", "--cacheinfo", f"{base.mode},{blob},{base.path}", env=index)
        tree = _done(base.root, "write-tree", env=index)
    origin = f", from {found.origin}" if found.origin else ""
    subject = " ".join(found.why.split()) or f"Change {found.path}"
    message = f"{subject}\n\nProposal {found.id} of mlops-tui{origin}, adopted by {who['GIT_AUTHOR_NAME']}.\n"
    known = _git(base.root, "config", "user.email") is not None
    commit = _done(base.root, "commit-tree", tree, "-p", base.commit, "-F", "-", said=message,
                   env={name: value for name, value in who.items() if not known or name.endswith("DATE")})
    if _git(base.root, "update-ref", "-m", f"mlops-tui adopt {found.id}", f"refs/heads/{branch}", commit, NONE) is None:
        raise Conflict(f"The branch '{branch}' was made meanwhile, or git refuses it.", where=str(base.root),
                       next="Name another.")
    return commit


def push_command(root: Path, branch: str) -> str:
    """What sends the branch to where the others see it; empty where the repository has no remote."""
    remotes = (_git(root, "remote") or "").split()
    remote = "origin" if "origin" in remotes else next(iter(remotes), "")
    return f"git push -u {remote} {branch}" if remote else ""


def _git(root: Path, *words: str) -> str | None:
    """What git says, without the line's end; None where it says no."""
    found = _bytes(root, *words)
    return None if found is None else found.decode("utf-8", "replace").rstrip("\n")


def _bytes(root: Path, *words: str) -> bytes | None:
    done = _run(root, words)
    return done.stdout if done.returncode == 0 else None


def _done(root: Path, *words: str, said: str = "", env: Mapping[str, str] | None = None) -> str:
    done = _run(root, words, said, env or {})
    if done.returncode:
        raise Conflict(f"git {words[0]} failed: {done.stderr.decode('utf-8', 'replace').strip() or done.returncode}.",
                       where=str(root), next="No branch was made; nothing else has changed.")
    return done.stdout.decode().strip()


def _run(root: Path, words: tuple[str, ...], said: str = "",
         env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Git, whatever repository a hook around us speaks of, and without asking anybody anything."""
    own = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    try:
        return subprocess.run(["git", "--literal-pathspecs", *words], cwd=root, input=said.encode(), check=False,
                              env={**own, "GIT_TERMINAL_PROMPT": "0", **(env or {})}, capture_output=True,
                              timeout=PATIENCE)
    except FileNotFoundError as problem:
        raise BadInput("There is no git on this machine.", next="Leave --branch out.") from problem
    except subprocess.TimeoutExpired as problem:
        raise Conflict(f"git {words[0]} took longer than {PATIENCE} s.", where=str(root)) from problem
