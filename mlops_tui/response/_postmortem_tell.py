"""What somebody who was there saw, did, was surprised by and would change."""

from collections.abc import Sequence

import click

from mlops_tui.capability import Said, act
from mlops_tui.errors import BadInput
from mlops_tui.response import _answers
from mlops_tui.response._answers import SPOKEN
from mlops_tui.response.postmortem import incident_of, postmortem
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, View
from store.facts import Fact, Postmortem
from store.ledger import Entry


@act(of=postmortem, confirm=False)
@click.argument("incident")
@click.option("--saw", type=Said(), default="", help="What you saw, and when it first looked odd.")
@click.option("--did", type=Said(), default="", help="What you did, and why it made sense then.")
@click.option("--surprised", type=Said(), default="", help="What you did not expect.")
@click.option("--change", type=Said(), default="", help="What you would change, of tools, rules or models.")
@click.option("--nothing", is_flag=True, help="You have nothing to add, and are not asked again.")
def tell(session: Session, incident: str, saw: str, did: str, surprised: str, change: str, nothing: bool) -> View:
    """Say what you saw of an incident; it goes into the post-mortem under your name. A new answer replaces the last.

    \b
    Example: mlops-tui postmortem tell INC-1 --saw "the AUC fell on Monday" --did "looked at the weather feed" \
--surprised "no alert before noon" --change "alert on late labels"
    Example: mlops-tui postmortem tell INC-1 --nothing
    """
    found, who = incident_of(session, incident), session.actor.name
    words = {"saw": saw, "did": did, "surprised": surprised, "change": change}
    if nothing == any(words.values()):
        raise BadInput("You say something, and that there is nothing." if nothing else "What do you want to say?",
                       next="Leave out --nothing." if nothing else "Give --saw, --did, --surprised or --change; or "
                       "--nothing, and you are not asked again.")
    document = "" if nothing else _answers.kept(session, found.id, who, words)
    fact = Postmortem(subject=found.id, event="declined" if nothing else "told", document=document, who=who)

    def decided(_: Sequence[Entry]) -> list[Fact]:
        return [fact]

    session.ledger.transact(decided)
    heard = _answers.heard(session, session.ledger.entries(), found)
    facts: dict[str, Cell] = {"incident": found.id, "who": who, "not_heard": heard.waiting}
    rows: list[Row] = [{"question": SPOKEN[name], "answer": text} for name, text in words.items() if text]
    said = f"{who} has nothing to add to {found.id}" if nothing else f"What {who} saw of {found.id} is kept"
    rest = f"; not heard: {', '.join(heard.waiting)}" if heard.waiting else "; everybody is heard"
    return View(said + rest, Status.DONE, (Facts(facts), Table.of("answer", rows, "question", "answer")),
                (Action("Put it into the draft", ("postmortem", "draft", found.id)),
                 Action("Look at the incident", ("incident", "show", found.id))))
