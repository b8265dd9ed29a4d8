"""What waits for somebody reaches him once, whatever happens to the bot, and later where he said so."""

from datetime import timedelta

from bots.nudging import Nudging
from mlops_tui.roles import Actor
from store.facts import Snoozed
from tests.bots.desk import Desk

HOUR = timedelta(hours=1)
BO = Actor("bo", frozenset({"oncall", "approver"}), "slack")


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
