"""What is done by itself after a promotion: go on with what was interrupted, go back by rule, let the alias follow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_tui.alerts.raising import raised
from mlops_tui.assurance.deployments import under_way
from mlops_tui.assurance.watches import Watched, watch_of
from mlops_tui.oversight import aliases
from mlops_tui.oversight.settling import planned
from mlops_tui.running.holder import lives
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Fact, Finding
from store.ledger import Entry, Ledger
from store.periods import Periods

KINDS = ("trained", "promotion", "deployment", "finding", "alert")
CHECK = "watch"


@dataclass(frozen=True)
class Due:
    """A command line that is due, by a name and a period under which it is done once."""

    name: str
    period: str
    argv: tuple[str, ...]


def guard(session: Session, begin: Callable[[tuple[str, ...], str | None], Any], at: float) -> list[tuple[Due, Any]]:
    """Claim what is due and begin it, with consent to the plan that it has now; what `begin` gave comes with each."""
    ledger: object = session.ledger
    if not isinstance(ledger, Ledger) or session.read_only:
        return []
    begun, missed = list[tuple[Due, Any]](), aliases.watched(session, at)
    for due in (*_watches(session), *_interrupted(session), *_repairs(session, missed)):
        if Periods(ledger.engine).claim(due.name, due.period, session.now()):
            begun.append((due, begin(due.argv, planned(session, due.argv).plan)))
    return begun


def _interrupted(session: Session) -> Iterator[Due]:
    """Deployments whose process is gone; each is taken up once for every time that it was begun."""
    entries = session.ledger.entries("deployment")
    for name in session.declared().models if entries else ():
        found = under_way(entries, name)
        if found is not None and not lives(found.holder, found.at, session.now()):
            back = found.way in ("rollback", "watched")
            argv = ("promote", "--rollback", name) if back else ("promote", f"{name}@{found.version}")
            yield Due(f"deployment/{found.id}", f"{found.tries:03}", argv)


def _repairs(session: Session, missed: Sequence[aliases.Aliased]) -> Iterator[Due]:
    """Aliases that we moved too late, or not at all."""
    for each in missed:
        decided = session.ledger.entries("promotion", subject=each.model)[-1].seq
        yield Due(f"alias/{each.model}", f"{decided:012}", aliases.put_back(each.model, each.champion).argv)


def _watches(session: Session) -> Iterator[Due]:
    """Promotions that a finding asks to take back: the way back is rehearsed first where it was not, and where it
    cannot be, somebody is told. One whose time is over is closed, with what stayed unknown."""
    models = {name: each.watch for name, each in session.declared().models.items() if each.watch is not None}
    if not models:
        return
    entries = session.ledger.entries(*KINDS)
    for name, declared in models.items():
        found = watch_of(entries, name, declared, session.now())
        if found is None:
            continue
        if found.over:
            _note(session, lambda entries, found=found: _closed(entries, found))  # type: ignore[misc]
        elif found.trips:
            yield Due(f"watch/{name}", _asked(found), ("promote", "--rollback", name, "--watched"))
        elif found.asking and found.back and not _tried(entries, found):
            yield Due(f"rehearse/{name}", _asked(found), ("rehearse", f"{name}@{found.back}"))
        elif found.asking:
            _note(session, lambda entries, found=found: _told(entries, found))  # type: ignore[misc]


def _asked(found: Watched) -> str:
    return f"{max(each.entry or 0 for each in found.asking):012}"


def _tried(entries: Sequence[Entry], found: Watched) -> bool:
    """Whether the way back was asked since something asked for it."""
    since = max(each.entry or 0 for each in found.asking)
    return any(entry.seq > since and isinstance(entry.fact, Finding) and entry.fact.check == "rehearsed"
               and (entry.subject, entry.fact.version) == (found.model, found.back) for entry in entries)


def _note(session: Session, decide: Callable[[Sequence[Entry]], list[Fact]]) -> None:
    """Append what follows, where the history does not say it yet."""
    if decide(session.ledger.entries(*KINDS)):
        session.ledger.transact(decide)


def _said(entries: Sequence[Entry], found: Watched, status: Status) -> bool:
    """Whether a finding of the watch says so already, since that promotion."""
    return any(isinstance(entry.fact, Finding) and entry.fact.check == CHECK and entry.subject == found.model
               and entry.fact.status == status and entry.recorded_at >= found.since for entry in entries)


def _finding(found: Watched, status: Status, title: str) -> Finding:
    return Finding(check=CHECK, subject=found.model, version=found.version, status=status.value, title=title,
                   window=(found.since.isoformat(), found.until.isoformat()),
                   detail={each.check: each.status.value for each in found.looked})


def _closed(entries: Sequence[Entry], found: Watched) -> list[Fact]:
    unknown = [each.check for each in found.looked if each.status is Status.UNKNOWN]
    status = Status.UNKNOWN if unknown else Status.PASS
    if any(_said(entries, found, each) for each in (Status.PASS, Status.UNKNOWN)):
        return []
    rest = f"; of {', '.join(unknown)} nothing is known" if unknown else ""
    return [_finding(found, status, f"{found.model}@{found.version} was watched, and nothing asked to go back{rest}")]


def _told(entries: Sequence[Entry], found: Watched) -> list[Fact]:
    """It asks to go back, and cannot: somebody has to."""
    if _said(entries, found, Status.FAIL):
        return []
    title = f"{found.model}@{found.version} is {found.stands}: {found.why}"
    return [_finding(found, Status.FAIL, title),
            raised(entries, found.model, CHECK, title, severity="critical", finding=entries[-1].seq + 1)]
