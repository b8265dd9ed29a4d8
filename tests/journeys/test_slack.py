"""July's incident and the promotion that ends it, worked in Slack alone: no terminal, no dashboard."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bots.local.workspace import LocalSlack
from bots.surface import Service, Settings
from mlops_tui import folds, jobs
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.queues import Inbox, Outbox

pytestmark = pytest.mark.slow
PEOPLE = {"ana": "U01", "bo": "U02", "cy": "U03"}


@dataclass
class Channel:
    """What three people see in Slack, and what they press."""

    slack: LocalSlack
    service: Service
    session: Session

    def card(self, word: str) -> dict[str, Any]:
        return next(each for each in self.slack.messages() if word in str(each["blocks"]))

    def rest(self) -> None:
        """Until nothing is waited for any more."""
        engine, board = self.service.inbox.engine, self.service.board

        def calm() -> bool:
            return not (Inbox(engine).waiting() or Inbox(engine).waiting(status="begun") or board.behind
                        or board._head != self.session.ledger.head_seq() or Outbox(engine).due(1e12))

        self.slack.until(calm, 120)

    def press(self, who: str, label: str, where: str = "") -> None:
        """The newest button of that name that the person can see."""
        threads = [each for card in reversed(self.slack.messages()) for each in (*reversed(card["replies"]), card)]
        seen = [self.card(where)] if where else [*reversed(self.slack.ephemerals(who)), *threads]
        message = next(each for each in seen if _has(each, label))
        assert self.slack.click(who, message, label).ok
        if not self.slack.modals(who):
            self.rest()

    def fill(self, who: str, **values: str) -> None:
        """The fields of the form, by their names."""
        shown = {"note": "Note", "reason": "Why?"}
        assert self.slack.submit(who, values={shown[name]: value for name, value in values.items()}).ok
        self.rest()

    def types(self, who: str, line: str) -> None:
        assert self.slack.slash(who, line).ok
        if not self.slack.modals(who):
            self.rest()

    def agree(self, who: str, label: str) -> None:
        """Press it, read the plan, and do it: as a job, whose answer is waited for."""
        self.press(who, label)
        self.press(who, "Do it")


def _has(message: dict[str, Any], label: str) -> bool:
    return any(element["text"]["text"] == label for block in message.get("blocks", ()) if block["type"] == "actions"
               for element in block["elements"])


@pytest.fixture
def channel(july: Path) -> Iterator[Channel]:
    with LocalSlack(PEOPLE) as slack:
        settings = Settings(slack.bot_token, slack.app_token, slack.signing_secret, slack.url, pace=0.3)
        said: list[str] = []
        service = Service(open_project(july), settings, "#ml-flights", said.append)
        service.start()
        slack.until(lambda: slack.sockets)
        yield Channel(slack, service, open_project(july, person="ana"))
        service._stop.set()
        slack.faults.drop_sockets()
        service.stop()
    assert [line for line in said if line.startswith("■")] == []


def test_an_incident_is_worked_from_the_page_to_the_lesson_and_the_next_version_serves(channel: Channel) -> None:
    session = channel.session

    def entries(*kinds: str) -> Any:
        return session.ledger.entries(*kinds)

    channel.slack.until(channel.slack.messages, 30)
    channel.rest()
    [alert] = [each.id for each in folds.alerts(entries("alert")).values() if each.state == "firing"]
    # the page: on it, an incident, a lead
    channel.press("bo", "I am on it", alert)
    assert folds.alerts(entries("alert"))[alert].owner == "bo"
    channel.press("bo", "Open an incident", alert)
    channel.types("bo", "incident role INC-1 lead ana")
    assert folds.incidents(entries("incident"))["INC-1"].roles == {"lead": "ana"}
    # why, and what would help: the runbook looks by itself up to the decision, which is a person's
    channel.press("ana", "Work through its runbook", "INC-1: ")
    assert folds.runbook_runs(entries("runbook"))["RUN-1"].steps[5].status == "done"
    channel.press("ana", "Retrain")
    channel.press("ana", "Do it")
    decided = folds.runbook_runs(entries("runbook"))["RUN-1"].steps
    assert (decided[6].note, decided[7].status) == ("retrain", "skipped"), "falling back was not chosen"
    # the remedy: a challenger, trained as a job
    channel.agree("ana", "Do step 8")
    state = folds.model_state(entries("trained", "promotion"), "flights-delay")
    assert (state.champion, state.challenger) == ("2", "4")
    # the gate: a person has to sign that the limits were read; two others vote
    channel.types("bo", "checklist sign limits-reviewed flights-delay@4")
    channel.fill("bo", reason="read: limits and intervals")
    channel.agree("ana", "Do step 9")
    assert _has(channel.card("AP-2"), "Approve…")
    for voter in ("bo", "cy"):
        channel.press(voter, "Approve…", "AP-2")
        channel.fill(voter, reason="better than the champion by more than chance")
    assert folds.approvals(entries("approval", "vote"), session.now())["AP-2"].state == "done"
    assert folds.model_state(entries("trained", "promotion"), "flights-delay").champion == "4"
    assert not _has(channel.card("AP-2"), "Approve…")
    # to the end of the runbook, and of the incident
    channel.press("ana", "Go on with the runbook", "INC-1: ")
    channel.press("ana", "Pass over it")
    channel.fill("ana", note="watched in the channel")
    channel.press("ana", "Do it")
    channel.agree("ana", "Do step 11")
    assert not folds.runbook_runs(entries("runbook"))["RUN-1"].open
    channel.press("bo", "It is over", "INC-1: ")
    channel.fill("bo", reason="version 4 serves")
    assert not folds.incidents(entries("incident"))["INC-1"].open
    assert "resolved" in str(channel.card("INC-1: ")["blocks"])
    # the lesson: drafted, and an item that the next promotion must pass
    channel.types("ana", "postmortem draft INC-1")
    channel.types("ana", "postmortem action INC-1 --type checklist --item calibrated-in-service --finding calibration "
                         "--max-age 2d --title “Probabilities in service mean what they say”")
    proposed = [each for each in folds.proposals(entries("proposal")).values() if each.state == "open"]
    for each in proposed:
        channel.types("ana", f"adopt {each.id}")
        channel.press("ana", "Do it")
    items = open_project(session.directory).declared().checklists["standard"].items
    assert "calibrated-in-service" in {item.id for item in items}
    # nothing was done twice, nothing is left over, and the history holds
    assert {job.status for job in jobs.rows(session).newest()} == {"done"}
    assert Outbox(channel.service.inbox.engine).counts().keys() == {"sent"}
    assert session.ledger.verify() is None
