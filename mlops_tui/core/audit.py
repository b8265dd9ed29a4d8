"""The history: what happened, who did it, and whether anybody changed the record."""

import json
from typing import Any

import click

from mlops_tui.capability import look, noun
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Command, Fact, body_of
from store.ledger import Entry, Term

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
    ledger, asked = session.ledger, {"kind": kind or None, "subject": subject}
    entries = ledger.numbers([Term((value,), field, how="==") for field, value in asked.items() if value is not None],
                             upto=ledger.head_seq())
    rows = [row(entry) for entry in ledger.at(entries[::-1][:max(limit, 0)])]
    table = Table.of("entries", rows, Column("seq", "entry"), Column("recorded_at", "recorded"), "kind", "subject",
                     "actor", "what", total=len(entries))
    return View(counted(len(entries), "entry", "entries"), parts=(table,),
                actions=(Action("Check the chain", ("audit", "verify")),))


def row(entry: Entry) -> Row:
    """An entry as one row, for people and for scripts."""
    return {"seq": entry.seq, "recorded_at": entry.recorded_at, "effective_at": entry.effective_at, "kind": entry.kind,
            "subject": entry.subject, "actor": entry.actor, "what": described(entry.fact), "hash": entry.hash,
            "argv": ("audit", "show", str(entry.seq))}


@look(of=audit, fold=True)
@click.argument("number", type=int)
def show(session: Session, number: int) -> View:
    """Everything that entry NUMBER of the history says.

    \b
    Example: mlops-tui audit show 7
    """
    session.declared()
    head = session.ledger.head_seq()
    found = [entry for entry in session.ledger.page(head - number, 1, upto=head) if entry.seq == number] \
        if 0 < number <= head else []
    if not found:
        raise NotFound(f"There is no entry {number}.", where=f"entries 1 to {head}" if head else "an empty history",
                       next="Try: mlops-tui audit log")
    return View(f"Entry {number}: {described(found[0].fact) or found[0].kind}", Status.DONE, entry_parts(found[0]))


def entry_parts(entry: Entry) -> tuple[Part, ...]:
    """An entry's stamps, then what it says; what has a shape of its own as JSON."""
    stamps: dict[str, Cell] = {"kind": entry.kind, "subject": entry.subject, "actor": entry.actor,
                               "recorded_at": entry.recorded_at, "effective_at": entry.effective_at}
    said: dict[str, Cell] = {}
    shaped: dict[str, Any] = {}
    for key, value in body_of(entry.fact).items():
        words = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        if value in ("", None, (), {}) or (words and not any(value)):
            continue
        (said if words or isinstance(value, (str, int, float)) else shaped)[key] = value
    text = json.dumps(shaped, indent=2, sort_keys=True, ensure_ascii=False, default=str)
    code = (Text(text, "code"),) if shaped else ()
    return (Facts(stamps), *((Facts(said),) if said else ()), *code, Facts({"hash": entry.hash}))


def described(fact: Fact) -> str:
    """A fact in one line."""
    if isinstance(fact, Command):
        return f"{fact.phase} {' '.join(fact.argv)} → {fact.error or fact.status}"
    shown = [str(getattr(fact, name)) for name in ("event", "check", "status", "title", "version", "snapshot", "text",
                                               "verdict")
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
