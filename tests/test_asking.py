"""What becomes of a command line at a surface, whichever surface it is."""

from collections.abc import Callable, Sequence

from mlops_tui import asking, jobs
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import AlertEvent, IncidentEvent, Proposal


def test_a_look_is_answered_at_once(session: Callable[..., Session]) -> None:
    reply = asking.ask(session("vera"), ("status",))
    assert isinstance(reply, asking.Answer)
    assert not reply.error


def test_words_that_are_no_command_are_answered_with_what_is_wrong(session: Callable[..., Session]) -> None:
    reply = asking.ask(session(), ("statsu",))
    assert isinstance(reply, asking.Answer)
    assert (reply.error, "No command 'statsu'" in reply.view.title) == (True, True)


def test_a_cheap_act_is_done_and_a_grave_one_wants_consent(session: Callable[..., Session]) -> None:
    opened = session("ana")
    opened.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="m", severity="high", title="late"),
                         Proposal(subject="P-1", event="proposed", path="runbooks/x.md", content="x", why="because"))
    assert isinstance(asking.ask(opened, ("alert", "ack", "AL-1")), asking.Answer)
    assert opened.ledger.entries("alert")[-1].fact.event == "acked"
    reply = asking.ask(opened, ("adopt", "P-1"))
    assert isinstance(reply, asking.Plan)
    assert opened.ledger.entries("proposal")[-1].fact.event == "proposed"
    assert len(reply.digest) == 64


def test_a_judgement_without_a_reason_is_asked_for_one(session: Callable[..., Session]) -> None:
    opened = session("bo")
    opened.ledger.append(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high"))
    argv = ("incident", "resolve", "INC-1")
    assert asking.ask(opened, argv) == asking.ReasonWanted()
    assert isinstance(asking.ask(opened, argv, reason="it is over"), asking.Answer)
    assert isinstance(asking.ask(opened, (*argv, "--reason", "again")), asking.Answer)


def test_long_work_becomes_a_job(session: Callable[..., Session]) -> None:
    opened = session("ana")
    reply = asking.ask(opened, ("drift", "flights-delay"))
    assert isinstance(reply, asking.Begun)
    assert jobs.rows(opened).one(reply.job).argv == ("drift", "flights-delay")
    jobs.cancel(opened, reply.job, ask=0, term=5)


def test_who_may_not_is_refused_at_once_and_nothing_is_begun(session: Callable[..., Session]) -> None:
    opened = session("vera")
    reply = asking.ask(opened, ("drift", "flights-delay"))
    assert isinstance(reply, asking.Answer)
    assert reply.view.status is Status.DENIED
    assert jobs.rows(opened).newest() == []


def test_a_read_only_session_begins_nothing_and_asks_nothing(session: Callable[..., Session]) -> None:
    opened = session("bo", read_only=True)
    for argv in (("drift", "flights-delay"), ("adopt", "P-1"), ("incident", "resolve", "INC-1")):
        reply = asking.ask(opened, argv)
        assert isinstance(reply, asking.Answer)
        assert reply.view.status is Status.DENIED


def test_a_job_that_is_asked_for_by_its_name_is_begun_as_every_other(session: Callable[..., Session]) -> None:
    opened, begun = session("ana"), list[tuple[str, ...]]()

    def begin(_: Session, argv: Sequence[str], consent: str | None, reason: str | None) -> int:
        begun.append((*argv, consent or "", reason or ""))
        return 7

    argv = ("job", "start", "--reason", "why", "--", "drift", "flights-delay")
    assert asking.ask(opened, argv, begin=begin) == asking.Begun(7)
    assert begun == [("drift", "flights-delay", "", "why")]
    assert jobs.rows(opened).newest() == [], "only `begin` says how it is begun: a unit may be computed twice"
    refused = asking.ask(opened, ("job", "start", "--", "job", "list"), begin=begin)
    assert isinstance(refused, asking.Answer)
    assert refused.error
    assert len(begun) == 1
