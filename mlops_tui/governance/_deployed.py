"""A version brought to serve: said first, then done, then verified, and only then decided; else it is taken back.

Whoever is killed anywhere is taken up by the daemon, or by who asks again: each step may be done twice and is then done
once, and the champion is another one exactly when all of them were.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mlops_tui import folds
from mlops_tui.alerts.raising import raised
from mlops_tui.assurance.deployments import ATTEMPTS, Deployed, deployments, under_way
from mlops_tui.errors import Conflict, Refusal
from mlops_tui.folds import ModelState
from mlops_tui.governance._alias import followed
from mlops_tui.governance._deployers import Deployer, deployer_of
from mlops_tui.governance._order import DeployFailed, Order
from mlops_tui.governance._standing import rules_of
from mlops_tui.models.rehearsing import finding, rehearsal
from mlops_tui.project import Project
from mlops_tui.roles import person_of
from mlops_tui.running.holder import lives, this_process
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Step, Steps, Text, View
from store.facts import Approval, Deployment, Fact, Promotion
from store.ledger import Entry

PROMOTE, ROLLBACK, GLASS, WATCHED = "promote", "rollback", "glass", "watched"
BACK = (ROLLBACK, WATCHED)  # a person goes back, or a rule does
_at_work: set[str] = set()  # the deployments that threads of this process carry on with


@dataclass(frozen=True)
class Wanted:
    """Which version is to serve in place of which one, in what way, and by what right."""

    model: str
    version: str
    previous: str
    way: str = PROMOTE
    approval: str = ""
    evidence: str = ""
    reason: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        return argv_of(self.way, self.model, self.version)


def argv_of(way: str, model: str, version: str) -> tuple[str, ...]:
    """The command that brings it about, or takes it up again."""
    return ("promote", "--rollback", model) if way in BACK else ("promote", f"{model}@{version}")


def planned_steps(session: Session, model: str, version: str, previous: str) -> list[str]:
    """What the declared deployer would do, line by line; DeployFailed where it could not."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), model)
    deployer = _deployer(session, model)
    return deployer.plan(_order(session, state, Deployment(subject=model, event="", version=version,
                                                           previous=previous)))


def _deployer(session: Session, model: str) -> Deployer:
    root = session.declared().root
    return deployer_of(root, Project(root).model(model).deploy)


def _order(session: Session, state: ModelState, of: Deployed | Deployment) -> Order:
    model = of.subject if isinstance(of, Deployment) else of.model
    trained = state.trained(of.version)
    return Order(session.declared().settings.project, model, of.version, of.previous,
                 trained.artifact if trained is not None else "", of.id)


# -- begun, or taken up again ---------------------------------------------------------------------------------------


def deployed(session: Session, wanted: Wanted) -> View:
    """Bring it about; Conflict where something came between, or the way back does not stand."""
    if wanted.way == PROMOTE:
        _way_back(session, wanted)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        _must_be_free(entries, wanted.model)
        serving = folds.model_state(entries, wanted.model)
        again = f"Try: mlops-tui {shlex.join(wanted.argv)}"
        if serving.champion != wanted.previous or (wanted.way in BACK and serving.previous != wanted.version):
            raise Conflict(f"{wanted.model}@{serving.champion} serves by now.", next=again)
        if wanted.approval and folds.approvals(entries, session.now())[wanted.approval].state != "met":
            raise Conflict(f"{wanted.approval} was used or expired meanwhile.", next=again)
        return [Deployment(subject=wanted.model, event="began", id=folds.next_id("DEP", deployments(entries)),
                           version=wanted.version, previous=wanted.previous, way=wanted.way,
                           deployer=_deployer(session, wanted.model).name, approval=wanted.approval,
                           evidence=wanted.evidence, reason=wanted.reason, holder=this_process())]

    [entry] = session.ledger.transact(decided)
    assert isinstance(entry.fact, Deployment)
    return _carried(session, _known(session, wanted.model, entry.fact.id))


def resumed(session: Session, id: str, model: str) -> View:
    """Go on with one that was interrupted, from where it stands; Conflict where somebody is at it, or it has ended."""

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = deployments(entries, model)[id]
        must_rest(session, now)
        return [Deployment(subject=model, event="resumed", id=id, holder=this_process())]

    session.ledger.transact(decided)
    return _carried(session, _known(session, model, id))


def must_rest(session: Session, found: Deployed) -> None:
    """Conflict where it has ended, or a process is at work on it."""
    if not found.open:
        raise Conflict(f"{found.id} is {found.state}.", next=f"Try: mlops-tui promote --history {found.model}")
    if found.id in _at_work or lives(found.holder, found.at, session.now()):
        raise Conflict(f"{found.id} is under way: {found.model}@{found.version}, by {found.by}.",
                       next=f"Try: mlops-tui promote --history {found.model}")


def _must_be_free(entries: Sequence[Entry], model: str) -> None:
    found = under_way(entries, model)
    if found is not None:
        raise Conflict(f"{found.id} has not ended: {model}@{found.version}.",
                       next=f"Try: mlops-tui {shlex.join(argv_of(found.way, model, found.version))}")


def _known(session: Session, model: str, id: str) -> Deployed:
    return deployments(session.ledger.entries("deployment", subject=model), model)[id]


def _way_back(session: Session, wanted: Wanted) -> None:
    """Rehearse the rollback: Conflict where today's champion does not answer as recorded."""
    trained = folds.model_state(session.ledger.entries("trained", "promotion"), wanted.model).trained(wanted.previous) \
        if wanted.previous else None
    if trained is None:
        return
    found = rehearsal(session, trained)
    session.ledger.append(finding(session, trained, found))
    if found.status is Status.FAIL:
        raise Conflict(f"There is no way back: {found.said}.", where=f"{wanted.model}@{wanted.previous}",
                       next=f"Mend it, or: mlops-tui promote {wanted.model}@{wanted.version} --break-glass")


# -- carried through ------------------------------------------------------------------------------------------------


@dataclass
class _Log:
    """What was done, and what was said meanwhile."""

    steps: list[Step] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def note(self, step: str, said: str, status: Status = Status.DONE) -> None:
        lines = said.strip().splitlines()
        self.steps.append(Step(step, status, detail=lines[-1][:200] if lines else ""))
        self.text.append(f"== {step}\n{said.strip()}\n")

    def kept(self, session: Session) -> str:
        return session.data().put_object("".join(self.text).encode())


@contextmanager
def _alone(id: str) -> Iterator[None]:
    _at_work.add(id)
    try:
        yield
    finally:
        _at_work.discard(id)


def _carried(session: Session, found: Deployed) -> View:
    with _alone(found.id):
        log = _Log()
        try:
            deployer = _deployer(session, found.model)
            order = _order(session, folds.model_state(session.ledger.entries("trained", "promotion"), found.model),
                           found)
        except Refusal as problem:  # the declaration cannot be read any more
            return _stuck(session, found, problem, log)
        why = found.why if found.state == "undoing" else _forward(session, found, deployer, order, log)
        return _back(session, found, deployer, (order, why), log) if why else _serving(session, found, log)


def _forward(session: Session, found: Deployed, deployer: Deployer, order: Order, log: _Log) -> str:
    """Apply, verify, ask it, and decide; why it is to be taken back, or nothing."""
    try:
        if found.tries > ATTEMPTS:
            raise DeployFailed(f"it was begun {found.tries - 1} times and never ended")
        log.note(f"apply by {deployer.name}", deployer.apply(order))
        log.note("verify", deployer.verify(order))
        log.note("ask it", _asked(session, found))
        kept = log.kept(session)
        session.ledger.transact(lambda entries: _decided(session, entries, found, kept))
    except Refusal as problem:
        why = " ".join(filter(None, (problem.what.rstrip("."), f"({problem.where})" if problem.where else "")))
        log.note("failed", "\n".join(filter(None, (getattr(problem, "log", ""), why))), Status.FAIL)
        session.ledger.append(Deployment(subject=found.model, event="undoing", id=found.id, reason=why))
        return why
    return ""


def _asked(session: Session, found: Deployed) -> str:
    """The version, loaded, answers stored rows as recorded; DeployFailed where it does not."""
    trained = folds.model_state(session.ledger.entries("trained", "promotion"), found.model).trained(found.version)
    if trained is None:
        return "it is not known how it was made"
    asked = rehearsal(session, trained)
    session.ledger.append(finding(session, trained, asked))
    if asked.status is Status.FAIL or (asked.away and found.way == PROMOTE):
        raise DeployFailed(asked.said)
    return asked.said


def _decided(session: Session, entries: Sequence[Entry], found: Deployed, log: str) -> list[Fact]:
    """The promotion, with all that belongs to it, in one transaction; Conflict where another came between."""
    now = deployments(entries, found.model)[found.id]
    if now.state != "began":
        raise Conflict(f"{found.id} is {now.state}")
    if folds.model_state(entries, found.model).champion != found.previous:
        raise Conflict("another promotion came between")
    known, approval = folds.approvals(entries, session.now()), found.approval
    facts: list[Fact] = []
    if found.way == GLASS:
        rules, approval = rules_of(session), folds.next_id("AP", known)
        facts.append(Approval(subject=approval, event="glass", argv=(*argv_of(found.way, found.model, found.version),
                     "--break-glass"), quorum=rules.votes, role=rules.role, requester=person_of(found.by),
                     title=f"promote {found.model}@{found.version} at once", reason=found.reason,
                     evidence=found.evidence, seats=rules.seats))
    elif approval and known[approval].state in ("met", "expired"):  # it had its votes when this was begun
        facts.append(Approval(subject=approval, event="done"))
    elif approval:
        raise Conflict(f"{approval} is {known[approval].state}")
    facts.insert(1 if found.way == GLASS else 0, Promotion(
        subject=found.model, version=found.version, previous=found.previous, approval=approval,
        evidence=found.evidence, event="rolled_back" if found.way in BACK else "promoted", reason=found.reason,
        deployment=found.id))
    if found.way == WATCHED:
        title = f"{found.model} went back from version {found.previous} to {found.version}: {found.reason}"
        facts.append(raised(entries, found.model, "watch", title))
    return [*facts, Deployment(subject=found.model, event="done", id=found.id, log=log)]


def _serving(session: Session, found: Deployed, log: _Log) -> View:
    """It serves; the registry's alias follows."""
    before = f"now (before: {found.previous})" if found.previous else "now"
    title = f"{found.model}@{found.version} serves {'again' if found.way in BACK else before}"
    view = followed(session, found.model, found.version, title)
    log.note("alias", f"it is at version {found.version}" if view.status is Status.DONE else "it does not follow yet",
             view.status)
    facts: dict[str, Cell] = {**view.facts(), "deployment": found.id, "deployment_state": "done"}
    rest = (part for part in view.parts if not isinstance(part, Facts))
    actions = view.actions if found.way not in BACK else tuple(each for each in view.actions
                                                               if "--rollback" not in each.argv)
    return replace(view, parts=(Facts(facts), Steps(tuple(log.steps)), *rest), actions=actions)


# -- taken back -----------------------------------------------------------------------------------------------------


def _back(session: Session, found: Deployed, deployer: Deployer, told: tuple[Order, str], log: _Log) -> View:
    order, why = told
    try:
        log.note(f"undo by {deployer.name}", deployer.undo(order))
    except Refusal as problem:
        return _stuck(session, found, problem, log)
    session.ledger.append(Deployment(subject=found.model, event="undone", id=found.id, reason=why,
                                     log=log.kept(session)))
    return _failed(found, "undone", f"{found.model}@{found.version} does not serve: {why}. What was done is undone",
                   log)


def _stuck(session: Session, found: Deployed, problem: Refusal, log: _Log) -> View:
    """It failed, and so did taking it back: somebody has to look, and is told."""
    said = problem.what.rstrip(".")
    log.note("undo failed", "\n".join(filter(None, (getattr(problem, "log", ""), said))), Status.FAIL)
    kept = log.kept(session)
    title = f"{found.id} of {found.model}@{found.version} could not be undone: {said}"

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        return [Deployment(subject=found.model, event="stuck", id=found.id, reason=said, log=kept),
                raised(entries, found.model, "deployment", title, severity="critical")]

    session.ledger.transact(decided)
    return _failed(found, "stuck", f"{title}. Look at it: what it changed may still be there", log)


def _failed(found: Deployed, state: str, title: str, log: _Log) -> View:
    facts: dict[str, Cell] = {"model": found.model, "champion": found.previous or None, "deployment": found.id,
                              "deployment_state": state}
    said = "".join(log.text).strip()
    parts: tuple[Part, ...] = (Facts(facts), Steps(tuple(log.steps)), Text(said[-2000:], "code"))
    return View(title, Status.FAIL, parts,
                (Action("Try once more", argv_of(found.way, found.model, found.version)),
                 Action("What was done", ("promote", "--history", found.model))))
