"""Others' OpenLineage events, taken into the history as what others say: they lead on where our own history ends."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_tui.capability import LocalPath, measure
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.governance.provenance import provenance
from mlops_tui.provenance import foreign
from mlops_tui.provenance.known import known, namespace
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Fact, Foreign

if TYPE_CHECKING:
    from store.ledger import Entry

LARGEST = 256 << 20  # bytes of a file
MOST = 100_000  # events of a file


@measure(of=provenance)
@click.argument("file", type=LocalPath())
def take(session: Session, file: Path) -> View:
    """Take the OpenLineage events of FILE into the history, marked as foreign: one event a line, or a JSON list.

    What others say changes nothing of what our own history tells, and closes no gap in it. Facets that nobody knows are
    kept with the file.

    \b
    Example: mlops-tui provenance take airflow-events.jsonl
    """
    session.declared()
    content = _content(file)
    found = foreign.read(content.decode("utf-8", "replace"), session.data().put_object(content))
    if not found.events:
        place, why = found.wrong[0] if found.wrong else ("", "the file is empty")
        raise BadInput(f"'{file.name}' holds no OpenLineage event: {why}.", where=f"{file}, {place}".rstrip(", "))
    if len(found.events) > MOST:
        raise BadInput(f"'{file.name}' holds {len(found.events):,} events; {MOST:,} are taken at a time.",
                       next="Split it.")
    ours = namespace(session)
    others = [each for each in found.events if each.subject.partition(" ")[0] != ours]

    def new(entries: "Sequence[Entry]") -> Iterable[Fact]:
        there = {entry.fact.key for entry in entries if isinstance(entry.fact, Foreign)}
        return [each for each in others if each.key not in there]

    taken = session.ledger.transact(new)
    return _view(session, file.name, found, len(taken), len(found.events) - len(others))


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise BadInput(f"'{file.name}' has more than {LARGEST >> 20} MB.", where=str(file), next="Split it.")
        return file.read_bytes()
    except OSError as problem:
        raise Unreadable(f"'{file.name}' cannot be read: {problem.strerror}.", where=str(file)) from problem


def _view(session: Session, name: str, found: foreign.Read, taken: int, own: int) -> View:
    jobs = {each.subject for each in found.events}
    known_before = len(found.events) - own - taken
    odd = foreign.problems(known(session), session.ledger.entries("foreign"))
    runs = {each.run for each in found.events} - {""}
    facts: dict[str, Cell] = {"events": taken, "jobs": len(jobs), "runs": len(runs),
                              "known_before": known_before + found.twice, "our_own": own,
                              "not_taken": len(found.wrong), "unknown_facets": found.unknown}
    parts: list[Part] = [Facts(facts)]
    if found.wrong:
        rows: list[Row] = [{"where": place, "why": why} for place, why in found.wrong]
        parts.append(Table.of("wrong", rows, "where", Column("why", cut=100), title="No events; the file keeps them"))
    if odd:
        parts.append(Text("\n".join(f"- {each}." for each in odd)))
    said = f"{counted(taken, 'foreign event')} taken from {name}" if taken else f"Nothing new in {name}"
    said += f"; {counted(len(found.wrong), 'is', 'are')} none" if found.wrong else ""
    status = Status.WARN if found.wrong or odd else Status.DONE
    first = next((each for each in found.events if each.outputs), None)
    actions = (Action("What it leads to", ("provenance", "of", f"foreign/{first.outputs[0]}")),) if first else ()
    return View(said, status, tuple(parts), actions)
