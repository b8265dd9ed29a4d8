"""Promotion: through the gate, with the votes it needs, and back again in one step."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import click

from mlops_tui import folds, gates
from mlops_tui.alerts.officehours import OfficeHours
from mlops_tui.assurance.deployments import Deployed, deployments, under_way
from mlops_tui.assurance.watches import watch_of
from mlops_tui.capability import Plan, Shut, act
from mlops_tui.declarations.kinds import Approvals
from mlops_tui.errors import BadInput, Conflict, NotFound
from mlops_tui.folds import ApprovalState, ModelState
from mlops_tui.governance._alias import ALIAS, followed
from mlops_tui.governance._deployed import (
    BACK,
    PROMOTE,
    ROLLBACK,
    WATCHED,
    Wanted,
    argv_of,
    deployed,
    must_rest,
    planned_steps,
    resumed,
)
from mlops_tui.governance._evidence import case_of, evidence
from mlops_tui.governance._glass import broken
from mlops_tui.governance._history import CHECK, gate_table, history_of
from mlops_tui.governance._order import DeployFailed
from mlops_tui.governance._shown import shown
from mlops_tui.governance._standing import out_of_reach, rules_of, still_hold
from mlops_tui.oversight.aliases import looked
from mlops_tui.oversight.settling import planned
from mlops_tui.project import Project
from mlops_tui.render import keep
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Status, Table, View, counted
from store.facts import Approval, Deployment, Fact, Finding
from store.ledger import Entry


@act(looks="history")
@click.argument("subject", metavar="MODEL[@VERSION]")
@click.option("--rollback", is_flag=True, help="Back to the champion before this one, without gate or votes.")
@click.option("--history", is_flag=True, help="Only look: what was asked for, and why it served or did not.")
@click.option("--break-glass", "glass", is_flag=True, help="Now, without gate or votes; everybody is told.")
@click.option("--reason", "--why", "why", help="Why it cannot wait (--break-glass), or is rolled back.")
@click.option("--watched", is_flag=True, help="With --rollback: only where the model's `watch:` asks for it.")
def promote(session: Session, subject: str, rollback: bool, history: bool, glass: bool,
            why: str | None, watched: bool) -> Plan | Shut | View:
    """Let a version serve: its newest challenger, or the one named.

    The plan is the gate, item by item. A gate that is red or does not know ends it there, and the history keeps why; a
    green one asks for the votes that mlops.yaml requires, bound to this very plan, and promotes when they are in.

    \b
    Example: mlops-tui promote flights-delay@8
    Example: mlops-tui promote --rollback flights-delay
    Example: mlops-tui promote --history flights-delay --as-of 2013-09-15
    Example: mlops-tui promote flights-delay@8 --break-glass --reason "version 7 answers nothing"
    """
    if watched and not rollback:
        raise BadInput("--watched is of a rollback.", next=f"Try: mlops-tui promote --rollback {subject} --watched")
    if history + rollback + glass > 1:
        raise BadInput("Give one of --history, --rollback and --break-glass.",
                       next=f"Try: mlops-tui promote --history {subject}")
    if history:
        return history_of(session, subject)
    if rollback:
        return _rollback(session, subject, (why or "").strip(), watched)
    case, state = case_of(session, subject)
    argv = ("promote", case.subject)
    if (going := under_way(session.ledger.entries("deployment"), case.name)) is not None and not glass:
        return _goes_on(session, going, case.version, PROMOTE, _shut_since(session, going, case, state))
    if case.version == case.champion:
        elsewhere = next((each for each in looked(session) if each.model == case.name and each.state != "follows"),
                         None)
        astray = f"; {elsewhere.said}" if elsewhere is not None else ""
        asked = View(f"{case.subject} serves already{astray}", Status.CONFIRM,
                     (Facts({"from": elsewhere.at or None if elsewhere else case.champion, "to": case.version,
                             "alias": ALIAS}),))
        return Plan(asked, lambda: followed(session, case.name, case.version, f"{case.subject} serves already"))
    entries = session.ledger.entries()
    required = gates.gate(case, evidence(session, case, state), entries)
    view = _gate_view(session, case, state, required, shown(session, case, state, entries))
    if glass:
        return broken(session, case, view, why or "")
    try:
        steps = _steps(planned_steps(session, case.name, case.version, case.champion))
        view = replace(view, parts=(*view.parts, steps))
    except DeployFailed as problem:
        view, said = replace(view, status=Status.FAIL), f"{case.subject} could not be deployed: {problem.what}"
        return Shut(replace(view, title=said), (replace(_verdict(case, required, view), title=said),))
    if gates.verdict(required) not in (Status.PASS, Status.WARN):
        shut = replace(view, title=f"The gate is shut for {case.subject}: {_counted(required)}")
        return Shut(shut, (_verdict(case, required, shut),))
    return Plan(view, lambda: _promoted(session, case, argv, view))


def _steps(lines: Sequence[str]) -> Table:
    """What the deployer would do."""
    return Table.of("deployment", [{"step": line} for line in lines], Column("step", "would do"),
                    title="How it would come to serve")


def _shut_since(session: Session, going: Deployed, case: gates.Case, state: ModelState) -> str:
    """Why a promotion that was interrupted may not go on: its gate has closed; empty where it may."""
    if (going.way, going.state, going.version) != (PROMOTE, "began", case.version):
        return ""
    required = gates.gate(case, evidence(session, case, state), session.ledger.entries())
    open_ = gates.verdict(required) in (Status.PASS, Status.WARN)
    return "" if open_ else f"its gate has closed since: {_counted(required)}"


def _goes_on(session: Session, going: Deployed, version: str, way: str, shut: str = "") -> Plan:
    """The plan of taking up what was interrupted, or, with a reason in `shut`, of taking it back; Conflict where it is
    something else, or somebody is at it."""
    must_rest(session, going)
    wanted = argv_of(going.way, going.model, going.version)
    if (going.version, going.way in BACK) != (version, way in BACK):
        raise Conflict(f"{going.id} was interrupted and has not ended: {going.model}@{going.version}.",
                       next=f"Try: mlops-tui {shlex.join(wanted)}")
    doing = "be taken back" if going.state == "undoing" or shut else "go on where it was interrupted"
    because = f", since {shut}" if shut else ""
    view = View(f"{going.id} would {doing}: {going.model}@{version}{because}", Status.CONFIRM,
                (Facts({"model": going.model, "from": going.previous or None, "to": version, "deployment": going.id,
                        "approval": going.approval or None, "begun_by": going.by, "state": going.state}),))

    def taken_back(entries: Sequence[Entry]) -> list[Fact]:
        must_rest(session, deployments(entries, going.model)[going.id])
        return [Deployment(subject=going.model, event="undoing", id=going.id, reason=shut)] if shut else []

    def apply() -> View:
        session.ledger.transact(taken_back)
        return resumed(session, going.id, going.model)

    return Plan(view, apply)


def _items(required: Sequence[gates.Requirement]) -> list[dict[str, str]]:
    return [{"item": each.id, "status": each.status.value, "requirement": each.title, "detail": each.detail,
             "evidence": each.evidence} for each in required]


def _gate_view(session: Session, case: gates.Case, state: ModelState, required: Sequence[gates.Requirement],
               beside: tuple[tuple[Part, ...], str]) -> View:
    """The plan: what changes, every item of the gate and what it stands beside, and nothing that moves by itself."""
    rules, trained = rules_of(session), state.trained(case.version)
    facts: dict[str, Cell] = {
        "model": case.name, "from": case.champion or None, "to": case.version, "alias": ALIAS,
        "candidate": trained.candidate if trained else "", "artifact": trained.artifact if trained else "",
        "votes_needed": rules.votes, "votes_from": rules.role,
        **({"seats": rules.seats} if rules.seats else {})}
    actions = tuple(Action(each.title, each.next) for each in required
                    if each.next and each.status in (Status.FAIL, Status.UNKNOWN))
    served = f" in place of {case.champion}" if case.champion else ""
    parts, said = beside
    return View(f"{case.subject} would serve{served}{f': {said}' if said else ''}", gates.verdict(required),
                (Facts(facts), gate_table(_items(required)), *parts),
                tuple({action.argv: action for action in actions}.values())[:5])


def _counted(required: Sequence[gates.Requirement]) -> str:
    red, unknown = (sum(each.status is status for each in required) for status in (Status.FAIL, Status.UNKNOWN))
    asked = gates.counting(required)
    if not asked:
        return "nothing is required of it, so nothing is known"
    of = f" of {counted(len(asked), 'item')}"
    failing = f"{red}{of} {'fails' if red == 1 else 'fail'}"
    unsure = f"{unknown}{'' if red else of} {'is' if unknown == 1 else 'are'} unknown"
    return " and ".join([failing] * bool(red) + [unsure] * bool(unknown))


def _verdict(case: gates.Case, required: Sequence[gates.Requirement], shut: View) -> Finding:
    """What the history keeps of a gate that said no: which items, why, and against whom it was judged."""
    words = ((Status.FAIL, "fails"), (Status.UNKNOWN, "is unknown"))
    said = ", ".join(f"{each.id} {word}" for status, word in words for each in required if each.status is status)
    return Finding(check=CHECK, subject=case.name, version=case.version, status=shut.status.value,
                   title=f"{case.subject} may not serve: {said or 'nothing is required of it'}",
                   declaration=case.fingerprints.get(f"model {case.name}", ""),
                   detail={"champion": case.champion, "items": _items(required)})


# -- the votes, and the deed ------------------------------------------------------------------------------------


def _promoted(session: Session, case: gates.Case, argv: tuple[str, ...], plan: View) -> View:
    """Promote where the votes are in for exactly this plan; ask for them where they are not."""
    rules = rules_of(session)
    digest = planned(session, argv).plan
    if digest is None:
        raise Conflict(f"The gate of {case.subject} closed meanwhile.", next=f"Try: mlops-tui {shlex.join(argv)}")
    approval = _asked(session, argv, digest) if rules.votes > 0 else None
    kept = session.data().put_object(keep.written(plan).encode())
    if rules.votes > 0 and (approval is None or approval.state == "open"):
        return _waiting(session, approval or _ask(session, case, argv, (digest, kept)), plan)
    if approval is not None:
        still_hold(session, approval)

    return deployed(session, Wanted(case.name, case.version, case.champion, PROMOTE, approval.id if approval else "",
                                    kept))


def _asked(session: Session, argv: tuple[str, ...], digest: str) -> ApprovalState | None:
    """The newest approval of exactly this command and plan that is open or met."""
    known = folds.approvals(session.ledger.entries("approval", "vote"), session.now())
    return next((each for each in reversed(known.values()) if each.state in ("open", "met")
                 and (each.argv, each.plan) == (argv, digest)), None)


def _ask(session: Session, case: gates.Case, argv: tuple[str, ...], shown: tuple[str, str]) -> ApprovalState:
    """Ask for votes on a plan, given its digest and where it is kept as it was shown."""
    rules, (digest, kept) = rules_of(session), shown

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.approvals(entries, session.now())
        if any((each.argv, each.plan, each.state) == (argv, digest, "open") for each in known.values()):
            return []
        stale: list[Fact] = [Approval(subject=each.id, event="void", reason="asked anew for another plan")
                             for each in known.values() if each.argv == argv and each.state in ("open", "met")]
        served = f" in place of {case.champion}" if case.champion else ""
        return [*stale, Approval(
            subject=folds.next_id("AP", known), event="asked", argv=argv, plan=digest, quorum=rules.votes,
            role=rules.role, requester=session.actor.name, title=f"promote {case.subject}{served}", evidence=kept,
            expires_at=_expiry(session, rules).isoformat(), seats=rules.seats)]

    session.ledger.transact(decided)
    found = _asked(session, argv, digest)
    if found is None:
        raise Conflict("The approval was voided meanwhile.", next=f"Try: mlops-tui {shlex.join(argv)}")
    return found


def _expiry(session: Session, rules: Approvals) -> datetime:
    """When the votes must be in: by the clock, or in working hours alone."""
    if not rules.hours:
        return session.now() + rules.expires
    return OfficeHours.of(rules.hours).after(session.now(), rules.expires, session.declared().zone)


def _waiting(session: Session, approval: ApprovalState, plan: View) -> View:
    facts: dict[str, Cell] = {"approval": approval.id, "votes": approval.yes, "quorum": approval.quorum,
                              "role": approval.role, "requester": approval.requester,
                              "expires_at": approval.expires_at}
    facts |= {"out_of_reach": reach} if (reach := out_of_reach(session, approval)) else {}
    return View(f"{approval.id}: {approval.title} has {approval.count}", Status.RUNNING,
                (Facts(facts), *(part for part in plan.parts if isinstance(part, Table))),
                (Action("Vote", ("approve", approval.id)), Action("Who has voted?", ("approve", "show", approval.id))))


# -- and back ---------------------------------------------------------------------------------------------------


def _rollback(session: Session, subject: str, why: str, watched: bool) -> Plan | View:
    """Back to the champion before; with `watched`, only where a finding since the promotion asks for it."""
    name, entries = session.declared().subject(subject, "model").name, session.ledger.entries()
    if watched:
        found = watch_of(entries, name, Project(session.declared().root).model(name).watch, session.now())
        if found is None or not found.trips:
            said = f"Nothing asks for a rollback of {name}: it is {found.stands if found else 'not watched'}"
            return View(said, Status.PASS, (Facts({"model": name, "state": found.stands if found else None}),))
        why = found.why
    if (going := under_way(entries, name)) is not None:
        return _goes_on(session, going, going.version, ROLLBACK)
    state = folds.model_state(entries, name)
    if not state.previous:
        raise NotFound(f"'{name}' has no champion to go back to.", where=f"champion: {state.champion or 'none'}",
                       next="Try: mlops-tui status")
    facts: dict[str, Cell] = {"model": name, "from": state.champion, "to": state.previous, "alias": ALIAS,
                              **({"reason": why} if why else {})}
    view = View(f"{name}@{state.previous} would serve again in place of {state.champion}", Status.CONFIRM,
                (Facts(facts), _steps(planned_steps(session, name, state.previous, state.champion))))
    return Plan(view, lambda: deployed(session, Wanted(name, state.previous, state.champion,
                                                       WATCHED if watched else ROLLBACK, reason=why)))
