"""What waits for me, and what of it I put off."""

from collections.abc import Callable
from datetime import timedelta

from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from tests.conftest import START, Made


def fired(opened: Session, made: Made, clock: ReplayClock) -> None:
    for _ in range(2):
        clock.advance(clock() + timedelta(hours=1))
        opened.ledger.append(made.finding("fail"))
    opened.react()


def test_it_is_put_off_by_who_asks_alone_and_woken_again(session: Callable[..., Session], made: Made,
                                                         clock: ReplayClock) -> None:
    bo = session("bo")
    assert bo.perform(("remind", "list")).view.title == "Nothing waits for bo"
    fired(bo, made, clock)
    assert bo.perform(("remind",)).view.title == "1 thing waits for bo"
    done = bo.perform(("remind", "snooze", "AL-1", "--for", "2h"))
    assert done.view.status is Status.DONE
    assert done.view.facts()["until"] == START + timedelta(hours=4)
    assert bo.perform(("remind",)).view.title == "Nothing waits for bo; 1 is put off"
    assert session("ana").perform(("remind", "snooze", "AL-1", "--for", "2h")).exit == 2, "it is not for ana"
    undo = done.view.actions[0]
    assert bo.perform(undo.argv).view.status is Status.DONE
    assert bo.perform(("remind",)).view.title == "1 thing waits for bo"
    assert bo.perform(undo.argv).view.title == "alert/AL-1 is not put off."


def test_wrong_words_are_refused(session: Callable[..., Session], made: Made, clock: ReplayClock) -> None:
    bo = session("bo")
    fired(bo, made, clock)
    assert bo.perform(("remind", "snooze", "alert/AL-2", "--for", "2h")).view.facts()["next"] == \
        "Did you mean 'alert/AL-1'?"
    assert bo.perform(("remind", "snooze", "AL-1", "--for", "soon")).exit == 2
    assert bo.perform(("remind", "list", "--for", "bob")).exit == 2
