"""What becomes of a command line that somebody asks for at a surface: an answer, a plan, a question why, or a job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from mlops_tui import jobs
from mlops_tui.capability import Call, HelpAsked
from mlops_tui.commands import Outcome, parse
from mlops_tui.errors import NoCommand, Refusal
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.view import Status, View


@dataclass(frozen=True)
class Answer:
    """It was done, looked up or refused."""

    view: View
    error: bool = False


@dataclass(frozen=True)
class Plan:
    """It wants consent to this view; `digest` is what the consent is bound to, `named` what has to be typed for it."""

    view: View
    digest: str
    named: str = ""


@dataclass(frozen=True)
class ReasonWanted:
    """A judgement that nobody has given a reason for."""


@dataclass(frozen=True)
class Begun:
    """Long work that has become a job."""

    job: int


Reply = Answer | Plan | ReasonWanted | Begun


# Acts that ask nothing and yet take long: they measure on their way, or carry out what was voted for.
LONG = frozenset({"runbook run", "runbook resume", "approve vote"})
# Acts that show a plan and are then one entry, or one small file: who agrees is answered at once.
SHORT = frozenset({"alert silence", "incident merge", "postmortem write"})

Begin = Callable[[Session, Sequence[str], str | None, str | None], int]


def ask(session: Session, argv: Sequence[str], consent: str | None = None, reason: str | None = None,
        begin: Begin = jobs.start) -> Reply:
    """Looks are answered at once, acts come back as a plan, decisions ask for a reason, long work becomes a job.

    `begin` says how a job is begun. A job's row keeps its words, so what names a person is answered at once.
    """
    call = call_of(session, argv)
    if call is None or call.shape is Shape.LOOK or session.read_only or not may(session, call):
        return _answer(session, argv)
    given = getattr(call.run, "keywords", {})
    if call.shape is Shape.DECIDE and not (reason or given.get("reason")):
        return ReasonWanted()
    if call.command == "job start" and given["words"][0] != "job":  # begun as every other job is
        return Begun(begin(session, given["words"], given["consent"], given["reason"]))
    agreed = consent is not None and call.command not in SHORT
    if not call.unsaid and (call.shape is Shape.MEASURE or agreed or call.command in LONG):
        return Begun(begin(session, argv, consent, reason))
    return _answer(session, argv, reason, consent)


def call_of(session: Session, argv: Sequence[str]) -> Call | None:
    """The command line as a call; None where it is none, which its answer will say."""
    try:
        return parse(session, argv)
    except (HelpAsked, Refusal, click.ClickException):
        return None


def worded(session: Session, argv: Sequence[str]) -> Sequence[str]:
    """The command line, or the question that its words are: what names no command, says more than a command takes, or
    ends as a question and would only look."""
    try:
        call = parse(session, argv)
    except NoCommand:
        return ("ask", *argv)
    except click.UsageError as problem:  # its kinds tell of a missing or a wrong parameter of a command that was meant
        return ("ask", *argv) if type(problem) is click.UsageError else argv
    except (HelpAsked, Refusal, click.ClickException):
        return argv
    asks = argv[-1].endswith("?") and call.shape is Shape.LOOK and call.command != "ask about"
    return ("ask", *argv) if asks else argv


def may(session: Session, call: Call) -> bool:
    """Whether the actor may run it, whatever he would fill in."""
    try:
        session.admit(call.command, call.shape)
        call.first()
    except Refusal:
        return False
    return True


def _answer(session: Session, argv: Sequence[str], reason: str | None = None,
            consent: str | None = None) -> Answer | Plan:
    outcome: Outcome = session.perform(argv, reason=reason, consent=consent)
    if outcome.view.status is Status.CONFIRM and outcome.plan is not None:
        return Plan(outcome.view, outcome.plan, outcome.named)
    return Answer(outcome.view, outcome.error is not None)
