"""Questions in plain words: the command that was meant and its answer, or a choice of three; nothing is ever done."""

import hashlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from mlops_tui.capability import Noun, act, look
from mlops_tui.core._helptext import commands
from mlops_tui.core._meaning import Meaning, Meant, World, meaning
from mlops_tui.errors import BadInput
from mlops_tui.privacy.redaction import masked
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, Text, View
from store.facts import Questioned
from store.ledger import Ledger

KINDS = ("model", "dataset", "monitor", "pipeline", "runbook", "feature", "checklist", "endpoint")
LONGEST = 200   # characters of a question that are kept
_SLACK_ID = re.compile(r"\b[UW](?:0\d|[A-Z0-9]{8,})\b")
SCREENS = ("slack", "dashboard")  # where a word on the answer is one press


class Questions(Noun):
    """Whatever follows it is a question, but for its own verb."""

    def _is_subject(self, word: str) -> bool:
        return not word.startswith("-") and word not in self.commands


ask = Questions("ask", __doc__ or "", subject="about")


@look(of=ask)
@click.argument("words", nargs=-1, required=True)
def about(session: Session, words: tuple[str, ...]) -> View:
    """Answer a question with the command that it means, which is always shown.

    A look is looked at; what would change anything is offered as the button or the plan that it always is. Where it is
    not certain what was meant, the three nearest commands are offered.

    \b
    Example: mlops-tui ask "why is flights-delay red?"
    Example: mlops-tui ask what changed since yesterday
    Example: mlops-tui ask "who is on call?"
    """
    text = " ".join(words).strip()
    found = meaning(text, world_of(session))
    feedback = tuple(_feedback(text)) if session.actor.source in SCREENS else ()
    if not (found.certain and found.meant[0].looks):
        return _choice(found, feedback)
    [meant] = found.meant
    outcome = _seen(session, meant).perform(meant.argv)
    said = {"understood": _line(meant)}
    return replace(outcome.view, exit=outcome.exit, parts=(Facts(said), *outcome.view.parts),
                   actions=(*outcome.view.actions, *feedback))


about.context_settings = {"ignore_unknown_options": True}  # whatever is typed is words


def world_of(session: Session) -> World:
    """What can be asked about here; without a project the commands alone."""
    project, now = session.project, session.now()
    if project is None:
        return World({}, {}, commands(), {}, now)
    names = {kind: sorted(project.names(kind)) for kind in KINDS} | {"person": list(project.team.people)}
    monitors = {(each.check, each.subject): name for name, each in project.monitors.items()}
    return World(names, {(str(check), subject): name for (check, subject), name in monitors.items()}, commands(),
                 _runbooks(project), now.astimezone(project.zone))


def _runbooks(project: Project) -> dict[str, str]:
    return {name: f"{each.front.get('title', name)}\n{each.body}" for name, each in project.runbooks.items()}


def _seen(session: Session, meant: Meant) -> Session:
    """The session as of the day that was named, where one was."""
    if meant.as_of is None:
        return session
    ledger = session.ledger
    return replace(session, as_of=meant.as_of,
                   ledger=ledger.closed(until=meant.as_of) if isinstance(ledger, Ledger) else ledger)


def _line(meant: Meant) -> str:
    seen = ("--as-of", f"{meant.as_of:%Y-%m-%d}") if meant.as_of is not None else ()
    return shlex.join((*meant.argv, *seen))


def _choice(found: Meaning, feedback: Sequence[Action]) -> View:
    """What may have been meant, each with its button; what was understood for certain is only not done by itself."""
    rows: list[Row] = [{"command": _line(each), "what": each.what, "shape": each.command.shape}
                       for each in found.meant]
    table = Table.of("choices", rows, "command", "what")
    offered = tuple(Action(_label(each), each.argv, each.asks) for each in found.meant)
    if found.certain:
        [meant] = found.meant
        return View(f"Understood as: {_line(meant)}. Nothing is done yet.", Status.DONE,
                    (Facts({"understood": _line(meant)}), table,
                     Text("A question changes nothing: it is done, or asked back, when you choose it.")),
                    (*offered, *feedback))
    return View("Which of these is meant?", Status.UNKNOWN, (Facts({"understood": None}), table),
                (*offered, *feedback), exit=1)


def _label(meant: Meant) -> str:
    words = " ".join(word for word in meant.argv if not word.startswith("--"))
    return f"Help: {words}" if meant.argv[-1:] == ("--help",) else words[:1].upper() + words[1:]


# -- how good the answers are ---------------------------------------------------------------------------------------


def key_of(text: str) -> str:
    """The number of a question: the same for the same words."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()[:8]


def _feedback(text: str) -> Iterator[Action]:
    for label, choice in (("👍 That was it", "yes"), ("👎 Not that", "no")):
        yield Action(label, ("ask", "feedback", key_of(text), choice, "--question", text[:LONGEST]))


@act(of=ask, confirm=False)
@click.argument("number")
@click.argument("choice", type=click.Choice(["yes", "no"]))
@click.option("--question", required=True, help="What was asked, as it was asked.")
def feedback(session: Session, number: str, choice: str, question: str) -> View:
    """Say whether the answer was the one that was wanted: the questions that people ask are what ask is measured by.

    \b
    Example: mlops-tui ask feedback 5f1c9b24 yes --question "why is flights-delay red?"
    """
    session.declared()
    if number != key_of(question):
        raise BadInput(f"{number} is not the number of that question.", where="--question",
                       next=f"Its number is {key_of(question)}.")
    found = meaning(question, world_of(session))
    kept = masked(_SLACK_ID.sub("[person]", question))[:LONGEST]
    session.ledger.append(Questioned(subject=number, question=kept, choice=choice, certain=found.certain,
                                     understood=tuple(_line(each) for each in found.meant)))
    return View("Thank you; it is kept", Status.DONE, (Facts({"question": kept, "choice": choice}),))
