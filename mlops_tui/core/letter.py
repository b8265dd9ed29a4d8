"""Dead letters: what could not be said in Slack, or done that came from there, and why; tried again if you say so."""

import re

import click

from mlops_tui.capability import act, look, noun
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Status, Table, View, counted
from store.ledger import Ledger
from store.queues import ROUTE, Asked, Inbox, Outbox, Said

letter = noun("letter", __doc__ or "", bare="list")
OUT, IN = "OUT", "IN"
SHOWN, OFFERED = 50, 5
_ID = re.compile(rf"({OUT}|{IN})-(\d{{1,15}})", re.IGNORECASE)
_STANDS = {"new": "is under way", "sending": "is under way", "sent": "was said", "done": "was done",
           "begun": "is being done"}


@look(of=letter)
def list_(session: Session) -> View:
    """What was given up: nobody tries it any more unless you say so.

    \b
    Example: mlops-tui letter list
    """
    session.declared()
    if not isinstance(session.ledger, Ledger):
        return View("Nothing was given up", Status.PASS)
    engine = session.ledger.engine
    said, asked = Outbox(engine).given_up(), Inbox(engine).waiting(status="failed", limit=1000)
    rows = [*(_said(each) for each in said if each.method != ROUTE), *map(_asked, asked)]
    table = Table.of("letters", rows[-SHOWN:], "letter", Column("what", cut=40), "to", "why", Column("tries", digits=0),
                     "since", total=len(rows))
    title = f"{counted(len(rows), 'letter was', 'letters were')} given up" if rows else "Nothing was given up"
    return View(title, Status.WARN if rows else Status.PASS, (table,),
                tuple(Action(f"Try {row['letter']} again", ("letter", "again", str(row["letter"])))
                      for row in rows[-OFFERED:]))


def _said(each: Said) -> Row:
    return {"letter": f"{OUT}-{each.id}", "what": f"{each.method} {each.key}", "to": each.channel or "one person",
            "why": each.error, "tries": each.tries, "since": each.put_at}


def _asked(each: Asked) -> Row:
    argv = each.body.get("argv")
    return {"letter": f"{IN}-{each.id}", "what": " ".join((each.kind, *(argv if isinstance(argv, list) else ()))),
            "to": "us", "why": each.error, "tries": each.tries, "since": None}


@act(of=letter, confirm=False)
@click.argument("name", metavar="LETTER")
def again(session: Session, name: str) -> View:
    """Try once more what was given up; what may have been said already is looked up first.

    \b
    Example: mlops-tui letter again OUT-7
    """
    session.declared()
    found = _ID.fullmatch(name)
    if found is None:
        raise BadInput(f"'{name}' is no letter: they are called OUT-7 or IN-7.", next="Try: mlops-tui letter list")
    if not isinstance(session.ledger, Ledger):
        raise NotFound(f"No letter {name.upper()}.", next="Try: mlops-tui letter list")
    box = (Outbox if found[1].upper() == OUT else Inbox)(session.ledger.engine)
    tried = box.again(int(found[2]))
    row = box.numbered(int(found[2]))
    if row is None:
        raise NotFound(f"No letter {name.upper()}.", next="Try: mlops-tui letter list")
    facts = Facts({"letter": name.upper(), "why": row.error})
    if tried:
        return View(f"{name.upper()} is tried again as soon as mlops-tui up is at work", Status.DONE, (facts,))
    return View(f"{name.upper()} {_STANDS.get(row.status, row.status)}", Status.DONE, (facts,))
