"""Whether the registry's alias is where the history says, and who moved it where it is not: we, too late, or others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_tui import folds
from mlops_tui.alerts.raising import raised, recovered
from mlops_tui.assurance.deployments import seen_at
from mlops_tui.session import Session
from mlops_tui.view import Action, Status
from store.aliases import aliases_of, mark
from store.facts import Deployment, Fact, Finding, Promotion
from store.ledger import Entry
from store.tracking import Tracking

CHECK, ALIAS = "alias", "champion"
KINDS = ("trained", "promotion", "deployment", "finding", "alert")
PAUSE = 60.0  # seconds between two questions to a server
GRACE = 5.0  # seconds for whoever promotes to move the alias

State = Literal["follows", "missed", "foreign"]


@dataclass(frozen=True)
class Aliased:
    """Where the alias of a model is (empty: nowhere), and the version that was decided on."""

    model: str
    champion: str
    at: str
    state: State

    @property
    def said(self) -> str:
        where = f"is at version {self.at}" if self.at else "is gone"
        if self.state == "follows":
            return f"the alias '{ALIAS}' of {self.model} is at version {self.champion}, as decided"
        why = "it was moved in MLflow, outside the gate" if self.state == "foreign" else "it does not follow yet"
        return f"the alias '{ALIAS}' of {self.model} {where}, not {self.champion}: {why}"


def put_back(model: str, champion: str) -> Action:
    """What lets the alias follow the history again."""
    return Action("Put it back", ("promote", f"{model}@{champion}"))


def standing(entries: Sequence[Entry], model: str, at: str) -> Aliased | None:
    """How the alias stands; None where nobody was ever promoted.

    It was missed where it is where it was before the newest promotion, and was not seen at that one's version since;
    anything else is somebody else's doing.
    """
    state = folds.model_state(entries, model)
    if not state.champion:
        return None
    if at == state.champion:
        return Aliased(model, state.champion, at, "follows")
    decided = max(entry.seq for entry in entries if entry.subject == model and isinstance(entry.fact, Promotion))
    seen = [entry.seq for entry in entries if entry.subject == model and isinstance(entry.fact, Deployment)
            and entry.fact.event == "followed" and entry.fact.version == state.champion and entry.seq > decided]
    before = [entry.fact.previous for entry in entries if entry.seq == decided and isinstance(entry.fact, Promotion)]
    missed = not seen and at in ("", seen_at(entries, model), *before)
    return Aliased(model, state.champion, at, "missed" if missed else "foreign")


def looked(session: Session) -> Iterator[Aliased]:
    """Where the alias of each declared model is now; none of those whose registry does not answer."""
    entries, uri = session.ledger.entries(*KINDS), uri_of(session)
    for name in sorted(session.declared().names("model")) if uri else ():
        found = aliases_of(uri, name) if folds.model_state(entries, name).champion else None
        if found is not None and (stands := standing(entries, name, found.get(ALIAS, ""))) is not None:
            yield stands


def uri_of(session: Session) -> str:
    """Where the registry is; empty where the session has none of its own kind."""
    tracking: object = session.tracking() if session.open_tracking is not None else None
    return tracking.uri if isinstance(tracking, Tracking) else ""


def moved_away(entries: Sequence[Entry]) -> dict[str, Finding]:
    """The models whose alias was last found elsewhere."""
    newest = {entry.subject: entry.fact for entry in folds.findings_of(entries, check=CHECK)}
    return {name: fact for name, fact in newest.items() if isinstance(fact, Finding) and fact.status == Status.FAIL}


def watched(session: Session, at: float) -> list[Aliased]:
    """Look, where there may be something new, and note what was not known: an alias that was moved wakes people, one
    that is back calms them. Those that are to be repaired. `at`: seconds of any clock, for a server's sake."""
    marks: dict[str, int] = getattr(session.ledger, "marks", {})
    uri = uri_of(session)
    now = mark(uri) or int(at // PAUSE) + 1
    newest = max((entry.seq for kind in ("promotion", "deployment") for entry in session.ledger.entries(kind)[-1:]),
                 default=0)
    if not uri or (marks.get("aliases"), marks.get("aliases seen")) == (now, newest):
        return []
    found = list(looked(session))
    for each in found:
        if _news(session.ledger.entries(*KINDS), each):
            session.ledger.transact(lambda entries, each=each: _news(entries, each))  # type: ignore[misc]
    missed = [each for each in found if each.state == "missed"]
    if missed and at - marks.setdefault("alias missed", int(at)) < GRACE:
        return []  # it may be on its way: we look again at once
    marks.pop("alias missed", None)
    marks |= {"aliases": now, "aliases seen": newest}
    return missed


def _news(entries: Sequence[Entry], each: Aliased) -> list[Fact]:
    """What the history does not say yet of how an alias stands."""
    if standing(entries, each.model, each.at) != each:
        return []
    known = [entry.fact for entry in folds.findings_of(entries, check=CHECK, subject=each.model)]
    last = known[-1] if known and isinstance(known[-1], Finding) else None
    if each.state == "missed":
        return []
    foreign = each.state == "foreign"
    if foreign and last is not None and (last.status, last.detail.get("alias")) == (Status.FAIL, each.at):
        return []
    if not foreign and (last is None or last.status != Status.FAIL):
        return [] if seen_at(entries, each.model) == each.champion else \
            [Deployment(subject=each.model, event="followed", version=each.champion)]
    number = entries[-1].seq + 1
    finding = Finding(check=CHECK, subject=each.model, version=each.champion, title=each.said,
                      status=(Status.FAIL if foreign else Status.PASS).value,
                      detail={"alias": each.at, "champion": each.champion})
    if foreign:
        return [finding, raised(entries, each.model, CHECK, each.said, severity="critical", finding=number)]
    return [finding, *recovered(entries, each.model, CHECK, finding=number)]
