"""A better limit for a monitor, from what people said of its alerts, as a proposal of its file."""

import hashlib
from collections.abc import Sequence
from difflib import unified_diff

import click

from mlops_tui import folds
from mlops_tui.alerts.betterlimits import Better
from mlops_tui.capability import measure
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.response import _limits
from mlops_tui.response.alert import alert
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View
from store.facts import Finding, Proposal
from store.ledger import Entry


@measure(of=alert)
@click.argument("monitor")
def propose(session: Session, monitor: str) -> View:
    """Propose the limit of MONITOR that would have kept its real alerts and dropped the noise; `adopt` writes it.

    \b
    Example: mlops-tui alert propose flights-drift
    """
    declared: Monitor = session.declared().one("monitor", monitor)
    if declared.alert is None:
        raise BadInput(f"'{monitor}' has no alert rule.", where=f"monitors/{monitor}.yaml",
                       next="Add alert: {after: 2 of 3, severity: medium}.")
    entries = session.ledger.entries("alert", "finding")
    mine = [each for each in folds.alerts(entries).values() if each.monitor == monitor]
    findings = [entry for entry in entries if isinstance(entry.fact, Finding) and entry.fact.monitor == monitor]
    found = _limits.better_of(declared, mine, findings)
    if not isinstance(found, Better):
        return View(f"No better limit for {monitor}", Status.UNKNOWN, (Text(f"{found.why}."),),
                    (Action("How its alerts have done", ("alert", "rules", monitor)),))
    fact, before = _proposed(session, monitor, found)
    facts: dict[str, Cell] = {
        "proposal": fact.subject, "path": fact.path, "measure": found.measure, "limit": found.now,
        "proposed": found.limit, "real": found.real, "real_kept": found.real, "noise": found.noise,
        "noise_dropped": found.dropped, "fired": found.fired, "would_fire": found.would_fire}
    diff = "".join(unified_diff(before.splitlines(keepends=True), fact.content.splitlines(keepends=True), fact.path,
                                f"{fact.path} ({fact.subject})"))
    said = Text("Chosen and counted on the same alerts: how it does on the next ones is not known by that.")
    return View(f"{fact.subject}: {found.said}", Status.DONE, (Facts(facts), Text(diff, "code"), said),
                (Action("Write it into the project", ("adopt", fact.subject)),))


def _proposed(session: Session, monitor: str, found: Better) -> tuple[Proposal, str]:
    """Append the proposal, or find the open one that says the same; an older one of this kind is declined."""
    file = session.declared().path_of("monitor", monitor)
    content, path, origin = file.read_bytes(), f"monitors/{file.name}", f"alerts of {monitor}"
    text, before = content.decode("utf-8"), hashlib.sha256(content).hexdigest()
    made = Proposal(subject="", event="proposed", path=path, before=before, why=found.said, origin=origin,
                    content=_limits.with_limit(text, found.measure, found.limit, path))

    def decided(entries: Sequence[Entry]) -> list[Proposal]:
        known = folds.proposals(entries)
        old = [each for each in known.values() if each.state == "open" and each.origin == origin]
        if any((each.content, each.before) == (made.content, made.before) for each in old):
            return []
        number = folds.next_id("P", known)
        return [*(Proposal(subject=each.id, event="declined", reason=f"{number} is newer") for each in old),
                Proposal(subject=number, event="proposed", path=path, content=made.content, before=before,
                         why=found.said, origin=origin)]

    session.ledger.transact(decided)
    standing = folds.proposals(session.ledger.entries("proposal")).values()
    same = next(each for each in standing if each.state == "open" and each.origin == origin)
    return Proposal(subject=same.id, event="proposed", path=path, content=same.content, before=before), text
