"""The earlier incidents that one looks like: why, what ended them, and what was promised then and is still open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from mlops_tui import folds
from mlops_tui.alerts import upstream
from mlops_tui.alerts.causes import causes as causes_of
from mlops_tui.folds import Incident
from mlops_tui.incidents.actions import open_actions_of
from mlops_tui.incidents.alike import Likeness, Trace, earlier, trace
from mlops_tui.incidents.alike import ranked as by_likeness
from mlops_tui.response import _reading
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Row, Table
from store.ledger import Entry

MOST = 3  # that are shown


@dataclass(frozen=True)
class Like:
    """An earlier incident that is like this one."""

    likeness: Likeness
    incident: Incident
    runbooks: tuple[str, ...]
    actions: tuple[folds.ActionItem, ...]

    @property
    def said(self) -> str:
        """In a sentence: which one, why, what ended it, what is still owed."""
        text = f"{self.incident.id}: {'; '.join(self.likeness.reasons)}"
        if self.actions:
            verb = "is" if len(self.actions) == 1 else "are"
            return f"{text}. Of what was promised then {', '.join(each.id for each in self.actions)} {verb} still open"
        return text


def ranked(session: Session, found: Incident, entries: Sequence[Entry]) -> list[Like]:
    """The earlier incidents that are enough like it, the most alike first; none where nothing is."""
    known = folds.incidents(entries)
    before = earlier(known, found)
    if not before:
        return []
    one, *others = traces(session, [found, *before], entries)
    runs = folds.runbook_runs(entries).values()
    return [Like(each, known[each.incident],
                 tuple(dict.fromkeys(run.runbook for run in runs if run.incident in known[each.incident].ids)),
                 tuple(open_actions_of(entries, each.incident)))
            for each in by_likeness(one, others) if each.enough][:MOST]


def traces(session: Session, incidents: Sequence[Incident], entries: Sequence[Entry]) -> Iterator[Trace]:
    """What each is recognised by: what its monitors found, and what people said and wrote."""
    written, causes, feeds = folds.postmortems(entries), causes_of(entries), upstream.feeds(session.declared())

    @cache
    def told(document: str) -> str:
        return _reading.by_people(session.data().object(document).decode("utf-8", "replace"))

    for each in incidents:
        state = written.get(each.id)
        more = told(state.document) if state is not None and state.state == "finished" and state.document else ""
        yield trace(each, causes, feeds, more)


def fact(likes: Sequence[Like]) -> dict[str, Cell]:
    """The most alike, in a sentence; nothing where none is."""
    return {"looks_like": likes[0].said} if likes else {}


def tables(likes: Sequence[Like]) -> tuple[Table, ...]:
    """A table `similar` of them; none where none is."""
    rows: list[Row] = [{"incident": like.incident.id, "alike": like.likeness.score,
                        "why": "; ".join(like.likeness.reasons), "ended_by": like.incident.resolution or (
                            "it is still open" if like.incident.open else ""),
                        "runbook": like.runbooks, "still_open": tuple(each.id for each in like.actions)}
                       for like in likes]
    why = ("why",) if len(likes) > 1 else ()  # of one it is said above
    return (Table.of("similar", rows, "incident", *why, Column("ended_by", "ended by", worth=1),
                     Column("still_open", "still open"), Column("alike", share=True, worth=-1),
                     Column("runbook", worth=-1), title="It looks like"),) if rows else ()
