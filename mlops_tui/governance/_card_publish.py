"""A card published: kept as it is now, so that it can be seen when it no longer is right."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click

from mlops_tui.capability import Plan, act
from mlops_tui.errors import NotFound
from mlops_tui.governance._cardmade import made
from mlops_tui.governance._cardrecord import Card, canonical
from mlops_tui.governance._cardview import document, gaps_said
from mlops_tui.governance.card import card, finding, published, stands
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, View
from store.facts import CardPublished
from store.ledger import Entry

MOVES = ("standing", "digest", "gaps", "created")


@act(of=card)
@click.argument("model", metavar="MODEL[@VERSION]")
def publish(session: Session, model: str) -> Plan:
    """Publish the card of MODEL as it is now: it is kept whole, and held against its runs from then on.

    \b
    Example: mlops-tui card publish flights-delay@6
    """
    found = made(session, model)
    last = published(session, found)
    same = last is not None and last.digest == found.digest
    facts: dict[str, Cell] = {"model": found.name, "version": found.version, "digest": found.digest,
                              "replaces": last.digest if last else None, "gaps": found.gaps}
    changes = Table.of("changes", list(_changes(session, found, last)) if not same else [], "what", "published", "now",
                       title="What is other than in the published one") if last else None
    told = document(found).parts
    view = View(f"The card of {found.title} would be published, {gaps_said(found)}", Status.CONFIRM,
                (Facts(facts), *((changes,) if changes else ()), *told[1:]))

    def apply() -> View:
        object_ = session.data().put_object(canonical(found.document()))
        made_ = CardPublished(subject=found.name, version=found.version, digest=found.digest, card=object_,
                              gaps=found.gaps)
        title, status = stands(found, made_)
        judged = finding(session, found, title, status)
        session.ledger.transact(lambda entries: (*(() if _is_last(entries, made_) else (made_,)), judged))
        return View(title, Status.DONE, (Facts({**facts, "card": object_}),),
                    (Action("Read it", ("card", "show", f"{found.name}@{found.version}")),
                     Action("As a file", ("card", "show", f"{found.name}@{found.version}", "--format", "huggingface"))))

    return Plan(view, apply, idempotent=True)


def _is_last(entries: Sequence[Entry], fact: CardPublished) -> bool:
    """Whether this card is the one that was published last, by whomever."""
    found = [entry.fact.digest for entry in entries if isinstance(entry.fact, CardPublished)
             and (entry.subject, entry.fact.version) == (fact.subject, fact.version)]
    return found[-1:] == [fact.digest]


def _changes(session: Session, found: Card, last: CardPublished | None) -> Iterator[Row]:
    """Which parts of the record are other ones."""
    if last is None:
        return
    try:
        before: dict[str, Any] = json.loads(session.data().object(last.card))
    except NotFound:
        yield {"what": "everything", "published": "not kept any more", "now": found.digest[:12]}
        return
    now = found.document()
    for key in sorted({*before, *now} - set(MOVES)):
        if before.get(key) != now.get(key):
            yield {"what": key, "published": _short(before.get(key)), "now": _short(now.get(key))}


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:57]}…" if len(text) > 58 else text
