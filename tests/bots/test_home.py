"""The first page of the app: what needs a person, what he can do about it; within Slack's limits whatever there is."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots import home
from bots.buttons import decode
from bots.local.shapes import elements
from bots.sender import SETTLE
from mlops_tui.capability import Call
from mlops_tui.commands import parse
from mlops_tui.view import Row, Status, Table, View, filled_in
from store.facts import Approval, IncidentEvent
from tests.bots.accepted import letters, refused
from tests.bots.anyview import WORDS
from tests.bots.desk import Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
KINDS = ["alert", "incident", "approval", "runbook", "post-mortem", "action", "sign-off", "proposal", "lesson",
         "review", "question", "card", "impact", "consent", "lineage", "signed", "else"]
LEVEL = st.sampled_from(["critical", "high", "low", ""])


def rows(many: int = 300, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    """A few different rows, repeated up to `many` times."""
    return st.lists(st.fixed_dictionaries(fields), max_size=3).flatmap(
        lambda few: st.sampled_from([1, 9, many]).map(lambda times: few * times))


NEEDS = rows(status=st.sampled_from(Status), kind=st.sampled_from(KINDS), id=WORDS, title=WORDS, detail=WORDS,
             action=st.sampled_from(["alert show AL-1", "incident show INC-1", "status " + "x" * 3000]))
ALERTS = rows(alert=WORDS, title=WORDS, state=WORDS, severity=LEVEL)
INCIDENTS = rows(incident=WORDS, title=WORDS, severity=LEVEL)
MODELS = rows(model=WORDS, version=WORDS, data=st.sampled_from(Status), drift=st.sampled_from(Status))
JOBS = rows(job=st.integers(1, 10 ** 9), state=st.sampled_from(["queued", "running", "done"]), command=WORDS,
            done=st.one_of(st.none(), st.floats(0, 1)), who=WORDS)


def status(needs: list[Row] = (), models: list[Row] = (), alerts: list[Row] = (), incidents: list[Row] = (),
           title: str = "All is calm") -> View:
    made = {"needs_you": needs, "models": models, "alerts": alerts, "incidents": incidents}
    return View(title, Status.PASS, tuple(Table.of(id, given, "x") for id, given in made.items()))


def jobs(given: list[Row]) -> View:
    return View("jobs", parts=(Table.of("jobs", given, "job"),))


@settings(max_examples=50)
@given(NEEDS, MODELS, ALERTS, INCIDENTS, JOBS, WORDS, st.integers(-2, 200))
def test_slack_takes_any_page_of_any_state(needs: list[Row], models: list[Row], alerts: list[Row],
                                           incidents: list[Row], running: list[Row], title: str, number: int) -> None:
    made = home.page(status(needs, models, alerts, incidents, title), jobs(running), number)
    assert refused("home", made) == []
    assert len(made["blocks"]) <= 100
    for _, button in elements(made["blocks"]):
        if button["action_id"].startswith("do:"):
            decode(button["value"])


def test_every_thing_that_waits_is_on_one_page_and_only_one() -> None:
    needs: list[Row] = [{"status": Status.WARN, "kind": "alert", "id": f"AL-{n}", "title": "moved", "detail": "",
                         "action": f"alert show AL-{n}"} for n in range(1, 38)]
    pages = [letters(home.page(status(needs), None, number)) for number in range(5)]
    shown = [sum(f"AL-{n} ·" in page for page in pages) for n in range(1, 38)]
    assert shown == [1] * 37
    assert home.page(status(needs), None, 99) == home.page(status(needs), None, 4), "the last one there is"
    assert "Page 2 of 5 pages" in pages[1]


def test_with_nothing_to_show_it_says_so() -> None:
    told = letters(home.page(status(), jobs([]), 0))
    assert "Needs you: nothing" in told
    assert "Red: nothing" in told
    assert "Running: nothing" in told


@pytest.fixture
def bot(desk: Desk) -> Desk:
    desk.listens()
    desk.fires()
    desk.happens(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="flights-delay"))
    return desk


def page(bot: Desk, who: str = "bo") -> dict[str, Any]:
    found = bot.slack.home(who)
    assert found
    return found


def published(bot: Desk, who: str = "U02") -> int:
    return len([call for call in bot.slack.called("views.publish") if call.payload["user_id"] == who])


def press(bot: Desk, label: str, who: str = "bo") -> None:
    [action] = [each["action_id"] for _, each in elements(page(bot, who)["blocks"])
                if each["text"]["text"] == label]
    assert bot.slack.click(who, "home", action).ok


def test_it_shows_what_needs_whoever_opens_it_and_its_buttons_act(bot: Desk) -> None:
    bot.slack.open_home("bo")
    bot.slack.open_home("vera")
    bot.works()
    assert "Needs you (2)" in letters(page(bot))
    assert "Needs you: nothing" in letters(page(bot, "vera"))
    assert "Red (2)" in letters(page(bot, "vera")), "what is red is everybody's to see"
    assert "Red: nothing" in letters(page(bot)), "and is not said twice"
    press(bot, "I am on it")
    bot.works()
    assert bot.ledger.entries("alert")[-1].actor == "bo (simulated)"
    bot.clock.pass_(10)
    bot.pages.round()
    assert "AL-1 · " not in letters(page(bot)).split("Red")[0], "it needs him no longer"


def test_a_vote_asks_for_its_reason_first(bot: Desk) -> None:
    bot.happens(Approval(subject="AP-1", event="asked", title="promote flights-delay@2",
                         argv=("promote", "flights-delay@2"), plan="d" * 64, quorum=2, role="approver",
                         requester="ana", expires_at="2034-01-01T00:00:00+00:00"))
    bot.slack.open_home("cy")
    bot.works()
    [action] = [each["action_id"] for _, each in elements(page(bot, "cy")["blocks"]) if each["text"]["text"] == "Yes…"]
    seen = bot.slack.click("cy", "home", action)
    assert seen.modal
    assert "Why?" in str(seen.modal)


def test_every_button_stands_for_a_command_there_is(bot: Desk) -> None:
    for kind in KINDS[:-1]:
        need: Row = {"status": Status.WARN, "kind": kind, "id": "AL-1", "title": "x", "detail": "y",
                     "action": "alert show AL-1"}
        for _, button in elements(home.page(status([need]), None, 0)["blocks"]):
            press = decode(button["value"])
            argv = [*press.argv, *(word for name in press.asks for word in filled_in(name, "because"))]
            assert isinstance(parse(bot.session, argv), Call)


def test_it_changes_when_something_changed_not_more_often_than_one_can_read_and_not_for_nothing(bot: Desk) -> None:
    bot.slack.open_home("bo")
    bot.works()
    assert published(bot) == 1
    for number in range(2, 12):
        bot.fires(f"AL-{number}")
        bot.pages.round()
        bot.clock.pass_(1)
    assert published(bot) <= 3, "ten things in ten seconds are a few changes"
    bot.clock.pass_(home.PACE)
    bot.pages.round()
    assert "AL-11" in letters(page(bot)) + letters(home.page(bot.session.perform(("status",)).view, None, 1))
    before = published(bot)
    for _ in range(20):
        bot.clock.pass_(home.AGAIN)
        bot.pages.round()
    assert published(bot) == before, "the same again is not sent"


def test_who_has_not_looked_for_long_is_left_alone_until_he_looks_again(bot: Desk) -> None:
    bot.slack.open_home("bo")
    bot.works()
    bot.clock.pass_(home.LOOKED_AT + 60)
    bot.fires("AL-2")
    bot.pages.round()
    assert published(bot) == 1
    bot.slack.open_home("bo")
    bot.works()
    assert published(bot) == 2


def test_pages_turn_and_stay_turned(bot: Desk) -> None:
    for number in range(2, 20):
        bot.fires(f"AL-{number}")
    bot.slack.open_home("bo")
    bot.works()
    press(bot, "More")
    bot.works()
    assert "Page 2 of" in letters(page(bot))
    bot.fires("AL-20")
    bot.clock.pass_(60)
    bot.pages.round()
    assert "Page 2 of" in letters(page(bot))


def test_a_page_that_slack_did_not_take_is_made_again(bot: Desk) -> None:
    bot.slack.faults.error("views.publish", "service_unavailable", times=1)
    bot.slack.faults.lose_answer("views.publish")
    bot.slack.open_home("bo")
    bot.works()
    for _ in range(3):
        bot.clock.pass_(SETTLE)
        bot.pages.round()
    assert "AL-1" in letters(page(bot))
    [shown] = bot.pages.homes.watched(0)
    assert shown.shown


def test_a_page_of_which_nobody_knows_whether_it_was_shown_is_made_again_though_nothing_changed(
        bot: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.slack.open_home("bo")
    bot.works()
    bot.clock.pass_(home.AGAIN)
    call, before = bot.client.api_call, letters(page(bot))

    def ends(*args: Any, **more: Any) -> Any:
        call(*args, **more)
        raise KeyboardInterrupt  # the process ends when Slack has shown it

    with monkeypatch.context() as meanwhile, suppress(KeyboardInterrupt):
        other = {"type": "home", "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "other"}}]}
        meanwhile.setattr(bot.pages, "_page", lambda _: other)
        meanwhile.setattr(bot.client, "api_call", ends)
        bot.pages.round()
    assert letters(page(bot)) == "other"
    bot.born()
    bot.clock.pass_(SETTLE)
    bot.pages.round()
    assert letters(page(bot)) == before
