"""What ends an approval without anybody's doing: its time, and a change of what was asked for."""

from collections.abc import Iterator, Sequence

from mlops_tui import folds
from mlops_tui.governance._asked import KINDS, changed
from mlops_tui.session import Session
from store.facts import Approval, Fact
from store.ledger import Entry

ASIDE = frozenset({"command", "vote", "approval", "note"})  # no plan hangs on these
MANY = 200  # entries among which nobody looks for one that matters


def settled(session: Session) -> list[Entry]:
    """Note what ran out and what is void by now, each once, whoever looks first."""
    return [*_lapsed(session), *_changed(session)]


def _lapsed(session: Session) -> list[Entry]:
    if not folds.lapsed(session.ledger.entries(*KINDS), session.now()):
        return []
    return session.ledger.transact(lambda entries: folds.lapsed(entries, session.now()))


def _changed(session: Session) -> list[Entry]:
    """The plans of open approvals are made anew where anything has happened, or a file was written, since last time."""
    waiting = [each for each in folds.approvals(session.ledger.entries(*KINDS), session.now()).values()
               if each.state == "open"]
    if not waiting or not _news(session):
        return []
    stale = {each.id: why for each in waiting if (why := changed(session, each))}

    def decided(entries: Sequence[Entry]) -> Iterator[Fact]:
        now = folds.approvals(entries, session.now())
        for id, why in stale.items():
            if now[id].state == "open":
                yield Approval(subject=id, event="void", reason=why)

    return session.ledger.transact(decided) if stale else []


def _news(session: Session) -> bool:
    """Whether the history or the project's files went on since this process asked last."""
    marks: dict[str, int] = getattr(session.ledger, "marks", {})
    seen, head = marks.get("planned", 0), session.ledger.head_seq()
    root = session.declared().root
    files = (path for pattern in ("*.yaml", "*/*.yaml", "*/*.sql") for path in root.glob(pattern))
    written = max(path.stat().st_mtime_ns for path in files)
    fresh = written > marks.get("written", 0) or head - seen > MANY or any(
        entry.kind not in ASIDE for entry in session.ledger.page(0, head - seen, upto=head))
    marks |= {"planned": head, "written": written}
    return fresh
