"""The history: what happened, who did it, and whether anybody changed the record."""

import click

from mlops_tui.capability import look, noun
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import Command, Fact
from store.ledger import Entry

LONG = 160  # characters of a text in a line; the whole of it is in the JSON document of the entry's own command
audit = noun("audit", __doc__ or "", bare="log")


@look(of=audit, fold=True)
@click.option("--kind", default=None, help="Only entries of this kind: command, finding, snapshot, vote, …")
@click.option("--subject", default=None, help="Only entries about this subject.")
@click.option("--limit", default=40, show_default=True, help="How many of the newest.")
def log(session: Session, kind: str | None, subject: str | None, limit: int) -> View:
    """The newest entries of the history.

    \b
    Example: mlops-tui audit log --kind command --limit 10
    """
    session.declared()
    entries = session.ledger.entries(*([kind] if kind else []), subject=subject)
    rows = [_row(entry) for entry in reversed(entries[-limit:] if limit > 0 else [])]
    table = Table.of("entries", rows, Column("seq", "entry"), Column("recorded_at", "recorded"), "kind", "subject",
                     "actor", "what", total=len(entries))
    return View(counted(len(entries), "entry", "entries"), parts=(table,),
                actions=(Action("Check the chain", ("audit", "verify")),))


def _row(entry: Entry) -> Row:
    return {"seq": entry.seq, "recorded_at": entry.recorded_at, "effective_at": entry.effective_at, "kind": entry.kind,
            "subject": entry.subject, "actor": entry.actor, "what": described(entry.fact), "hash": entry.hash}


def described(fact: Fact) -> str:
    """A fact in one line."""
    if isinstance(fact, Command):
        return f"{fact.phase} {' '.join(fact.argv)} → {fact.error or fact.status}"
    shown = [str(getattr(fact, name)) for name in ("event", "check", "status", "title", "version", "snapshot", "text")
             if getattr(fact, name, "")]
    return " · ".join(text if len(text) <= LONG else f"{text[:LONG - 1]}…" for text in shown)


@look(of=audit)
@click.option("--anchor", default=None, help="A head hash noted earlier; truncation shows only against one.")
def verify(session: Session, anchor: str | None) -> View:
    """Check every hash and link of the history, and that the anchor is still in it.

    \b
    Example: mlops-tui audit verify
    """
    session.declared()
    if anchor is not None and (len(anchor) != 64 or set(anchor) - set("0123456789abcdef")):
        raise BadInput(f"'{anchor}' is not a head hash.", next="It has 64 hexadecimal digits; audit verify shows one.")
    ledger = session.ledger
    broken = ledger.verify(anchor)
    if broken is None:
        facts: dict[str, Cell] = {"entries": ledger.head_seq(), "head": ledger.head(), "anchor": anchor}
        return View("The history is whole", Status.PASS, (Facts(facts),))
    why: dict[str, Cell] = {"first_broken_entry": broken.seq, "why": broken.why}
    return View(f"The history was changed at entry {broken.seq}", Status.FAIL, (Facts({**why, "anchor": anchor}),))
