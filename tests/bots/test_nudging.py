"""What waits for somebody reaches him once, whatever happens to the bot, and later where he said so."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from bots.local.faults import Chaos
from bots.nudging import Nudging
from mlops_tui.alerts import sources
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.project import Project
from mlops_tui.view import Action, View
from store.facts import AlertEvent, Snoozed, Subscribed
from store.ledger import Entry
from tests.bots.desk import Desk
from tests.conftest import START

HOUR = timedelta(hours=1)


def nudges(desk: Desk) -> None:
    """Cards stand, and one round is made and said."""
    desk.rests()
    Nudging(desk.session, desk.said.append).round()
    desk.rests()


def mentions(desk: Desk) -> list[str]:
    return [each["text"] for card in desk.cards for each in card["replies"] if "<@U02>" in each["text"]]


def test_an_alert_nobody_is_on_calls_its_person_once_in_the_thread_of_its_card(desk: Desk) -> None:
    desk.fires(route="oncall")
    for _ in range(3):
        nudges(desk)
        desk.born()
    [mention] = [each for card in desk.cards for each in card["replies"]]
    assert mention["text"] == "<@U02> ▲ AL-1 AL-1 moved"
    assert not mention.get("reply_broadcast")


def test_what_is_put_off_comes_again_afterwards_and_once(desk: Desk) -> None:
    desk.fires(route="oncall")
    until = desk.world() + 2 * HOUR
    desk.happens(Snoozed(subject="alert/AL-1", who="bo", until=until.isoformat()))
    nudges(desk)
    assert mentions(desk) == []
    desk.world.advance(until)
    for _ in range(2):
        nudges(desk)
    assert len(mentions(desk)) == 1


def test_who_is_called_at_a_card_that_never_came_to_stand_is_told_in_private_after_some_minutes(desk: Desk) -> None:
    desk.fires(route="oncall")  # and nobody puts its card up
    at_work = Nudging(desk.session, desk.said.append, clock=desk.clock)
    for minutes, told in ((0, 0), (2, 0), (2, 1), (5, 1)):
        desk.clock.pass_(60 * minutes)
        at_work.round()
        assert [row[0] for row in desk.rows("SELECT channel FROM outbox")] == ["U02"] * told
    desk.rests()
    at_work.round()
    assert mentions(desk) == []


def test_several_are_one_message_that_takes_them_all(desk: Desk) -> None:
    desk.fires("AL-1", route="oncall")
    desk.fires("AL-2", route="oncall", monitor="other")
    nudges(desk)
    assert mentions(desk) == ["<@U02> ▲ 2 things wait for you"]


def test_who_is_killed_between_the_decision_and_the_next_round_tells_nothing_twice(desk: Desk) -> None:
    desk.fires(route="oncall")
    desk.rests()
    first, second = Nudging(desk.session, desk.said.append), Nudging(desk.session, desk.said.append)
    second.periods.taken = lambda schedule: set()  # type: ignore[method-assign]  # it looked before the other wrote
    first.round()
    second.round()
    desk.rests()
    assert len(mentions(desk)) == 1


def test_in_a_storm_a_person_is_called_twice_a_minute_and_of_everything(desk: Desk) -> None:
    at_work = Nudging(desk.session, desk.said.append, clock=desk.clock)
    for number in range(60):
        desk.fires(f"AL-{number + 1}", route="oncall", monitor=f"m{number}")
        if number % 5 == 0:
            at_work.round()
            desk.turns(1, 5.0)
    desk.clock.pass_(30)
    at_work.round()
    desk.rests()
    assert len(at_work.periods.taken("nudges")) == 60
    assert len(mentions(desk)) <= 4, "in a minute and a half"


def test_what_does_not_page_waits_for_the_morning_of_who_sleeps(desk: Desk) -> None:
    desk.happens(Subscribed(subject="bo", zone="Europe/Berlin", quiet="22:00-07:00"))
    desk.world.advance(datetime.fromisoformat("2013-09-14T23:00:00+02:00"))
    desk.fires("AL-1", route="oncall")
    nudges(desk)
    assert mentions(desk) == []
    desk.fires("AL-2", route="oncall", monitor="other", about="flights", page=True)
    nudges(desk)
    assert mentions(desk) == ["<@U02> ▲ AL-2 AL-2 moved"]
    desk.world.advance(datetime.fromisoformat("2013-09-15T07:00:00+02:00"))
    nudges(desk)
    assert mentions(desk) == ["<@U02> ▲ AL-1 AL-1 moved", "<@U02> ▲ AL-2 AL-2 moved"]


def test_who_takes_it_up_is_not_reminded_and_who_gives_it_back_wakes_the_others(desk: Desk) -> None:
    (desk.folder / "monitors/flights-drift.yaml").write_text(
        "check: drift\nsubject: flights-delay\nalert: {after: 2 of 3, route: oncall, repeat: 1h}\n")
    desk.fires(route="oncall")
    nudges(desk)
    desk.world.advance(START + HOUR)
    nudges(desk)
    assert mentions(desk)[1:] == ["<@U02> ▲ AL-1 nobody is on it yet (1 reminder): AL-1 moved"]
    desk.happens(AlertEvent(subject="AL-1", event="acked", who="ana"))
    desk.world.advance(START + 4 * HOUR)
    nudges(desk)
    desk.happens(AlertEvent(subject="AL-1", event="unacked"))
    nudges(desk)
    assert mentions(desk)[2:] == ["<@U02> ▲ AL-1 is given back: AL-1 moved"]


# -- nothing lost, nothing twice ---------------------------------------------------------------------------------------

THINGS, RUNS = 9, 4  # sixty runs take three minutes


def things(project: Project, entries: Sequence[Entry], now: datetime) -> Iterator[Nudge]:
    """One more thing waits for bo in private every twenty minutes."""
    for number in range(THINGS):
        yield Nudge(f"thing/{number}", "bo", View(f"thing {number} waits", actions=(Action("Look", ("status",)),)),
                    START + number * HOUR / 3)


class Killed(BaseException):
    """The process is gone."""


def mortal(desk: Desk, pick: random.Random, share: float) -> None:
    """Its process may die before and after every call and every write, and with a write that is not committed."""
    def may_die() -> None:
        if pick.random() < share:
            raise Killed

    def around(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any) -> Any:
            may_die()
            done = step(*args)
            may_die()
            return done
        return stepped

    locked = desk.ledger.locked

    @contextmanager
    def dying() -> Iterator[Connection]:
        may_die()
        with locked() as connection:
            yield connection
            may_die()
        may_die()

    desk.ledger.locked = dying  # type: ignore[method-assign]
    desk.sender._call = around(desk.sender._call)  # type: ignore[method-assign]
    desk.sender.outbox.sending = around(desk.sender.outbox.sending)  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(RUNS))
def test_whoever_is_killed_and_whatever_slack_loses_each_thing_is_told_once(
        desk: Desk, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, things))
    pick, killed = random.Random(seed), 0
    desk.says("hello", channel="U02")  # where his conversation is must be known to look an unsure message up
    desk.speaks()
    desk.slack.faults.chaos = Chaos(seed, seconds=0.0, rates={"limit": 0.05, "error": 0.05, "lose_answer": 0.1,
                                                              "lose_request": 0.05})
    mortal(desk, pick, 0.08)
    for turn in range(40):
        if turn in (3, 9, 20):
            desk.happens(AlertEvent(subject=f"AL-{turn}", event="fired", monitor=f"m{turn}", about="flights-delay",
                                    check="drift", severity="high", title=f"AL-{turn} moved", route="oncall"))
        desk.world.advance(START + turn * HOUR / 10)
        desk.clock.pass_(1.1)
        try:
            for _ in range(pick.randint(1, 2)):
                Nudging(desk.session, desk.said.append).round()
            desk.board.round()
            desk.sender.round()
        except Killed:
            killed += 1
            desk.born()
            mortal(desk, pick, 0.08)
    desk.slack.faults.clear()
    desk.born()
    for _ in range(3):
        desk.rests()
        Nudging(desk.session, desk.said.append).round()
    desk.rests()
    assert killed > 3
    private = [str(each["blocks"]) for each in desk.slack.messages("bo")[1:]]
    assert [sum(f"thing {number} waits" in text for text in private) for number in range(THINGS)] == [1] * THINGS
    assert desk.outbox.given_up() == []
    called = Counter(number for text in told_in_threads(desk) for number in (3, 9, 20) if f"AL-{number} moved" in text)
    assert called == {3: 1, 9: 1, 20: 1}


def told_in_threads(desk: Desk) -> list[str]:
    """What was said to bo at the cards, whole."""
    return [str(each["blocks"]) for card in desk.cards for each in card["replies"] if "<@U02>" in each["text"]]


def test_who_is_bound_to_partitions_is_told_nothing_that_is_made_of_all(desk: Desk) -> None:
    """He could not look it up either."""
    team = desk.folder / "team.yaml"
    team.write_text(team.read_text().replace("bo: {slack: U02,", "bo: {slack: U02, only: {tenant: [acme]},"))
    desk.born()
    desk.fires(route="oncall")
    desk.fires("AL-2", route="bo", monitor="other")
    nudges(desk)
    assert mentions(desk) == []
