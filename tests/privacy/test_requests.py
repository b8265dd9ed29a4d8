from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from mlops_tui.privacy.requests import AUTOMATED, TRAINING, next_id, requests, suppressed
from store.facts import OptOut


def event(id: str, event: str, **more: object) -> OptOut:
    return OptOut(subject=id, event=event, **more)  # type: ignore[arg-type]


def received(id: str, person: str, right: str, *purposes: str, law: str = "gdpr") -> OptOut:
    return event(id, "received", person=person, right=right, jurisdiction=law, purposes=purposes)


def test_nobody_is_left_out_before_it_is_known_who_asks(history) -> None:
    history.add(received("OO-1", "p1", "erasure", TRAINING, AUTOMATED), received("OO-2", "p2", "objection", TRAINING))
    assert suppressed(history.entries, TRAINING) == ()
    history.add(event("OO-1", "verified"), event("OO-2", "verified"))
    assert suppressed(history.entries, TRAINING) == ("p1", "p2")
    assert suppressed(history.entries, AUTOMATED) == ("p1",)
    assert suppressed(history.entries) == ("p1",)  # who objects is still served, and taken in


def test_a_request_that_was_carried_out_counts_until_it_is_withdrawn_and_a_refused_one_never(history) -> None:
    for step in ("verified", "located", "began", "actioned", "attested"):
        history.add(*([received("OO-1", "p1", "erasure", TRAINING)] if step == "verified" else []), event("OO-1", step))
        assert suppressed(history.entries) == ("p1",)
    history.add(event("OO-1", "withdrawn"))
    assert suppressed(history.entries) == ()
    history.add(received("OO-2", "p2", "erasure", TRAINING), event("OO-2", "verified"), event("OO-2", "refused"))
    assert suppressed(history.entries, TRAINING) == ()
    history.add(received("OO-3", "p3", "erasure", TRAINING), event("OO-3", "verified"), event("OO-3", "held"))
    assert suppressed(history.entries, TRAINING) == ("p3",)  # kept by law, and used for nothing else


def test_days_are_those_of_the_zone_in_which_it_was_received(history) -> None:
    history.now = datetime(2024, 1, 31, 22, 30, tzinfo=UTC)
    history.add(received("OO-1", "p1", "erasure"))  # 23:30 UTC
    assert requests(history.entries, UTC)["OO-1"].due == date(2024, 2, 29)
    assert requests(history.entries, ZoneInfo("Europe/Berlin"))["OO-1"].due == date(2024, 3, 1)
    assert next_id(history.entries) == "OO-2"
