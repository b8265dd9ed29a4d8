"""Proposed changes of the project's files: looked at, then written where git can see them, or declined."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act, decide, look, noun
from mlops_tui.core._branching import base_of, committed, push_command
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.folds import ProposalState
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.facts import Fact, Proposal
from store.ledger import Entry

adopt = noun("adopt", __doc__ or "", bare="list", subject="write")
PRIVATE = (".git", ".mlops")


@look(of=adopt, fold=True)
@click.option("--all", "everything", is_flag=True, help="Adopted and declined ones too.")
def list_(session: Session, everything: bool) -> View:
    """What is proposed and neither adopted nor declined.

    \b
    Example: mlops-tui adopt list
    """
    session.declared()
    known = folds.proposals(session.ledger.entries("proposal"))
    shown = [each for each in reversed(known.values()) if everything or each.state == "open"]
    rows: list[Row] = [{"proposal": each.id, "state": each.state, "path": each.path, "why": each.why,
                        "from": each.origin, "lesson": each.lesson, "at": each.at, "reason": each.reason,
                        "branch": each.branch}
                       for each in shown]
    waiting = [each for each in shown if each.state == "open"]
    table = Table.of("proposals", rows, "proposal", "state", "path", "why", "from", "lesson", "at")
    return View(counted(len(waiting), "proposal waits", "proposals wait") if waiting else "Nothing is proposed",
                Status.WARN if waiting else Status.PASS, (table,),
                tuple(Action(f"Adopt {each.id}", ("adopt", each.id)) for each in waiting[:3]))


@act(of=adopt)
@click.argument("proposal")
@click.option("--branch", metavar="NAME", help="Commit it to a new git branch instead; the folder stays as it is.")
def write(session: Session, proposal: str, branch: str | None) -> Plan:
    """Write a proposal's file in the project folder; committing it is yours.

    With --branch it becomes a commit on a branch of its own, to be reviewed where the team reviews; it stays open until
    that is merged and `adopt` says so.

    \b
    Example: mlops-tui adopt P-1
    Example: mlops-tui adopt P-1 --branch lesson-of-inc-1
    """
    root = session.declared().root
    found, target = _read(session, root, proposal)
    before = _unchanged(session, target, found)
    diff = "".join(unified_diff(before.splitlines(keepends=True), found.content.splitlines(keepends=True),
                                f"{found.path} (now)", f"{found.path} ({found.id})"))
    facts: dict[str, Cell] = {"proposal": found.id, "path": found.path, "why": found.why, "from": found.origin,
                              "lesson": found.lesson, **({"branch": found.branch} if found.branch else {})}
    if branch is not None:
        return _branched(session, found, branch, (facts, diff))
    would = f"{found.id} would write {found.path}" if found.state == "open" else \
        f"{found.id} is adopted already, and {found.path} is as it says"
    view = View(would, Status.CONFIRM, (Facts(facts), Text(diff, "code")))

    def apply() -> View:
        if found.state != "open":
            return View(would, Status.DONE, (Facts(facts),))
        _unchanged(session, inside(root, found.path), found)
        _put(target, found.content)
        session.ledger.transact(lambda entries: _decided(entries, found, Proposal(subject=found.id, event="adopted")))
        session.read_anew()
        return View(f"{found.path} is written; review and commit it", Status.DONE, (Facts(facts),),
                    (Action("Does everything still parse?", ("doctor",)),))

    return Plan(view, apply, idempotent=True)


def _branched(session: Session, found: ProposalState, branch: str, shown: tuple[dict[str, Cell], str]) -> Plan:
    """The commit that would be made, on which commit, beside the working tree and the index."""
    _waiting(session.ledger.entries("proposal"), found.id)
    base = base_of(session.declared().root, branch, found)
    facts: dict[str, Cell] = {**shown[0], "branch": branch, "on": base.commit}
    view = View(f"{found.id} would be committed to a new branch '{branch}'", Status.CONFIRM,
                (Facts(facts), Text(shown[1], "code")))

    def apply() -> View:
        commit = committed(base, branch, found, _identity(session))
        session.ledger.transact(lambda entries: _decided(
            entries, found, Proposal(subject=found.id, event="branched", reason=branch)))
        push = push_command(base.root, branch)
        said = Text(f"Send it for review:\n\n```sh\n{push}\n```" if push else
                    "The repository has no remote to send it to.", "markdown")
        return View(f"{found.id} is committed to '{branch}'; your files are as they were", Status.DONE,
                    (Facts({**facts, "commit": commit, "push": push}), said),
                    (Action("Once it is merged", ("adopt", found.id)),))

    return Plan(view, apply)


def _identity(session: Session) -> dict[str, str]:
    """Whose commit it is where git knows nobody, and when."""
    name, at = session.actor.name, session.now().isoformat()
    person = session.declared().team.people.get(name)
    mail = person.email if person and person.email else f"{name}@localhost"
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", name), ("EMAIL", mail), ("DATE", at))}


def _read(session: Session, root: Path, name: str) -> tuple[ProposalState, Path]:
    """A proposal that waits and the file that it changes; or one that is adopted, where the file is as it says."""
    one = folds.known(folds.proposals(session.ledger.entries("proposal")), name, "proposal", "adopt list --all")
    found = _told(session, one)
    target = inside(root, found.path)
    if found.state != "adopted" or not target.is_file() or target.read_bytes() != found.content.encode():
        _waiting(session.ledger.entries("proposal"), name)
    return found, target


def _waiting(entries: Sequence[Entry], name: str) -> ProposalState:
    one = folds.known(folds.proposals(entries), name, "proposal", "adopt list --all")
    if one.state != "open":
        raise Conflict(f"{one.id} is {one.state} already.", next="Try: mlops-tui adopt list --all")
    return one


def _told(session: Session, found: ProposalState) -> ProposalState:
    """The proposal with its text, where that is kept beside the history."""
    if not found.document:
        return found
    return replace(found, content=session.data().object(found.document).decode("utf-8"))


def _decided(entries: Sequence[Entry], found: ProposalState, fact: Proposal) -> tuple[Fact, ...]:
    _waiting(entries, found.id)
    return (fact,)


def inside(root: Path, path: str) -> Path:
    """The file in the project folder; BadInput where the path, or a link on the way, leads out of it."""
    base = root.resolve()
    target = (base / path).resolve()
    if not target.is_relative_to(base) or target == base or Path(path).is_absolute():
        raise BadInput(f"'{path}' is not inside the project.", where=str(root), next="Decline the proposal.")
    if target.relative_to(base).parts[0] in PRIVATE:
        raise BadInput(f"'{path}' is not for people to edit.", where=str(root), next="Decline the proposal.")
    return target


def _unchanged(session: Session, target: Path, found: ProposalState) -> str:
    """The text that stands there, which must be the one the proposal was made from (or the proposal, after a crash)."""
    content = target.read_bytes() if target.is_file() else b""
    digest, text = hashlib.sha256(content).hexdigest() if target.is_file() else "", content.decode("utf-8", "replace")
    if digest != found.before and text != found.content:
        known = folds.proposals(session.ledger.entries("proposal")).values()
        first = next((each.id for each in known if each.state == "open" and each.path == found.path
                      and (each.document or hashlib.sha256(each.content.encode()).hexdigest()) == found.before), "")
        if first:
            raise Conflict(f"{found.id} builds upon {first}.", next=f"Try: mlops-tui adopt {first}")
        raise Conflict(f"{found.path} changed since {found.id} was proposed.", where=str(target),
                       next=f"Decline it and have it proposed again: mlops-tui adopt decline {found.id} --reason stale")
    return text


def _put(target: Path, content: str) -> None:
    """The whole file or none of it, with the permissions that it had."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".adopt-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


@decide(of=adopt)
@click.argument("proposal")
def decline(session: Session, proposal: str, reason: str) -> View:
    """Say no to a proposal; a declined lesson is no longer asked for.

    \b
    Example: mlops-tui adopt decline P-1 --reason "the weather feed is monitored by its owner now"
    """
    session.declared()
    found = _waiting(session.ledger.entries("proposal"), proposal)
    session.ledger.transact(lambda entries: _decided(
        entries, found, Proposal(subject=found.id, event="declined", reason=reason)))
    return View(f"{found.id} is declined: {found.why}", Status.DONE, (Facts({"path": found.path, "reason": reason}),))
