"""A digest for each period that comes, once, whoever is at work and however the clocks are changed."""

from datetime import UTC, datetime, timedelta

import pytest

from bots.digests import Digests
from mlops_tui.errors import BadInput
from store.facts import Promotion, Subscribed
from tests.alerts.test_habits import ZONES
from tests.bots.conftest import Office, declare
from tests.bots.desk import CHANNEL, Desk
from tests.conftest import START

DAY = timedelta(days=1)


def digests(desk: Desk) -> Digests:
    return Digests(desk.session, CHANNEL, desk.said.append)


def lines(desk: Desk, day: str = "", week: str = "") -> None:
    declare(desk.folder, f'channel: "#ml-flights", digest: "{day}", weekly: "{week}"')


def put(desk: Desk) -> list[str]:
    """The digests so far, by schedule and UTC time, oldest first."""
    keys = desk.rows("SELECT key FROM outbox ORDER BY id")
    return [key.removeprefix("digest/").removesuffix("+00:00") for (key,) in keys]


def lives(desk: Desk, start: datetime, end: datetime, *at_work: Digests) -> list[str]:
    """Look every ten minutes, and see what was put."""
    desk.world.advance(start)
    while desk.world() <= end:
        for each in at_work or (digests(desk),):
            each.round()
        desk.world.advance(desk.world() + timedelta(minutes=10))
    return put(desk)


def test_the_first_period_that_is_seen_sends_nothing_and_each_later_one_a_digest(desk: Desk) -> None:
    assert lives(desk, START, START + timedelta(hours=1)) == []
    assert lives(desk, START, START + 2 * DAY) == ["day/2013-09-14T12:00", "day/2013-09-15T12:00"], "eight in New York"
    desk.speaks(3)
    assert len(desk.cards) == 2
    assert "Nothing of note happened since 13 Sep 08:00" in desk.texts[0]


def test_restarts_and_two_daemons_send_it_once(desk: Desk) -> None:
    desk.fires()
    first = digests(desk)
    first.round()
    desk.world.advance(START + DAY / 2)
    first.periods.claim = lambda *claimed: False  # type: ignore[method-assign]
    first.round()  # killed before it could note the period
    desk.born()
    second, third = digests(desk), digests(desk)
    for each in (second, third, second, first):
        each.round()
    assert put(desk) == ["day/2013-09-14T12:00"]
    desk.speaks(3)
    [digest] = desk.cards
    assert desk.ledger.head() in str(digest), "the anchor against which the history can be verified later"


def test_what_was_missed_is_skipped_but_for_the_newest(desk: Desk) -> None:
    digests(desk).round()
    desk.world.advance(START + 6 * DAY + timedelta(hours=7))
    digests(desk).round()
    assert put(desk) == ["day/2013-09-20T12:00"]


@pytest.mark.parametrize(("line", "start", "expected"), [
    ("0 8 * * *", datetime(2013, 11, 2, 6, tzinfo=UTC), ["2013-11-02T12:00", "2013-11-03T13:00", "2013-11-04T13:00"]),
    ("0 8 * * *", datetime(2014, 3, 8, 6, tzinfo=UTC), ["2014-03-08T13:00", "2014-03-09T12:00", "2014-03-10T12:00"]),
    # half past one happens twice on 3 November, half past two not at all on 9 March
    ("30 1 * * *", datetime(2013, 11, 2, 6, tzinfo=UTC), ["2013-11-03T05:30", "2013-11-04T06:30"]),
    ("30 2 * * *", datetime(2014, 3, 8, 8, tzinfo=UTC), ["2014-03-09T07:30", "2014-03-10T06:30"])])
def test_clocks_that_are_changed_bring_no_second_digest_and_lose_none(
        desk: Desk, line: str, start: datetime, expected: list[str]) -> None:
    lines(desk, line)
    assert lives(desk, start, start + 2 * DAY + timedelta(hours=8)) == [f"day/{at}" for at in expected]


def test_the_week_has_its_own_and_a_line_that_is_empty_none(desk: Desk) -> None:
    lines(desk, week="0 9 * * 1")
    digests(desk).round()
    monday = datetime(2013, 9, 16, 13, tzinfo=UTC)
    desk.world.advance(monday)
    digests(desk).round()
    assert put(desk) == ["week/2013-09-16T13:00"]
    desk.speaks()
    assert "week" in str(desk.cards)


def test_a_changed_line_holds_from_the_next_round_on(desk: Desk) -> None:
    at_work = digests(desk)
    at_work.round()
    lines(desk, "0 7 * * *")
    desk.world.advance(START + timedelta(hours=1, minutes=1))
    at_work.round()
    assert put(desk) == ["day/2013-09-14T11:00"]
    (desk.folder / "mlops.yaml").write_text("project: flights\nclock: replay\n", encoding="utf-8")
    desk.world.advance(START + 5 * DAY)
    at_work.round()
    assert len(put(desk)) == 1


def test_a_line_that_is_none_is_said_and_everything_else_goes_on(office: Office) -> None:
    declare(office.session.declared().root, 'channel: "#ml-flights", digest: "every morning"')
    office.begin()
    office.fires()
    office.until(lambda: office.cards)
    office.until(lambda: any("'every morning' is not a cron line" in each for each in office.said))
    assert office.cards


def test_a_line_that_is_none_names_itself(desk: Desk) -> None:
    lines(desk, "every morning")
    with pytest.raises(BadInput, match="'every morning' is not a cron line"):
        digests(desk).round()


# -- to each person ---------------------------------------------------------------------------------------------------


def people(desk: Desk, lines: dict[str, str]) -> None:
    """The team with a digest for some; the channel's own is off."""
    lines_ = [f"  {name}: {{slack: U{number:02d}, roles: [viewer, approver, oncall], digest: {{{wishes}}}}}"
              for number, (name, wishes) in enumerate(lines.items(), 1)]
    declare(desk.folder, 'channel: "#ml-flights", digest: ""')
    (desk.folder / "team.yaml").write_text("people:\n" + "\n".join(lines_) + "\n", encoding="utf-8")


def test_four_and_twenty_mornings_bring_one_each_though_clocks_change_and_the_bot_restarts(desk: Desk) -> None:
    people(desk, {f"p{number}": f'daily: "08:00", zone: {zone}, only_if_changed: false'
                  for number, zone in enumerate(ZONES)})
    start = datetime(2013, 11, 1, 20, tzinfo=UTC)  # America goes back on the 3rd
    desk.world.advance(start)
    at_work = digests(desk)
    while desk.world() < start + timedelta(hours=54):
        at_work.round()
        desk.world.advance(desk.world() + timedelta(hours=1))
        at_work.round()
        at_work = digests(desk)  # at the very second at which some are due
    found: dict[str, list[str]] = {}
    for key in put(desk):
        who, _, day = key.split("/")
        found.setdefault(who, []).append(day)
    assert len(found) == 24
    for days in found.values():
        first = datetime.fromisoformat(days[0])
        assert days == [f"{first + number * DAY:%Y-%m-%d}" for number in range(len(days))]
        assert len(days) in (2, 3)


def test_who_is_killed_while_it_is_decided_sends_it_once_and_two_at_work_do_too(desk: Desk) -> None:
    people(desk, {"bo": 'daily: "08:00", zone: Europe/Berlin'})
    first = digests(desk)
    first.round()
    desk.world.advance(datetime(2013, 9, 15, 6, tzinfo=UTC))
    put_there = first.outbox.put
    first.outbox.put = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.round()
    assert put(desk) == []
    first.outbox.put = put_there  # type: ignore[method-assign]
    second = digests(desk)
    second.periods.newest = lambda schedules: {"digest/bo/day": "2013-09-14"}  # type: ignore[method-assign]
    first.round()
    second.round()
    assert put(desk) == ["bo/day/2013-09-15"]


def killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_it_leads_with_what_waits_for_the_reader_in_his_own_time(desk: Desk) -> None:
    people(desk, {"bo": 'daily: "08:00", zone: Europe/Berlin'})
    digests(desk).round()
    desk.fires()
    desk.world.advance(datetime(2013, 9, 15, 6, tzinfo=UTC))
    digests(desk).round()
    desk.speaks()
    [(channel, body)] = desk.rows("SELECT channel, body FROM outbox")
    assert channel == "U01", "to him alone"
    assert "1 thing waits for you: AL-1, AL-1 moved" in body
    assert "2013-09-14 12:00 CEST" in body, "it fired at six in New York"


def told(desk: Desk, days: int) -> list[str]:
    """What bo's mornings said, day by day; empty where nothing came."""
    said = []
    for _ in range(days):
        before = len(put(desk))
        desk.world.advance(desk.world() + DAY)
        digests(desk).round()
        new = desk.rows("SELECT body FROM outbox ORDER BY id")[before:]
        said.append(new[-1][0] if new else "")
    return said


@pytest.mark.parametrize("only", ["true", "false"])
def test_where_nothing_changed_it_is_left_out_or_says_so(desk: Desk, only: str) -> None:
    people(desk, {"bo": f'daily: "08:00", zone: Europe/Berlin, only_if_changed: {only}'})
    desk.world.advance(datetime(2013, 9, 16, 6, tzinfo=UTC))
    digests(desk).round()
    desk.fires()
    first, *calm = told(desk, 3)
    assert "1 thing waits for you: AL-1" in first
    assert calm == ["", ""] if only == "true" else all(
        "Nothing has changed since Tuesday, 17 Sep" in text and "AL-1 moved" in text for text in calm)
    desk.happens(Promotion(subject="flights-delay", version="2", previous="1", approval="", evidence=""))
    [news] = told(desk, 1)
    assert "flights-delay@2" in news


def test_who_asks_at_nine_waits_for_tomorrow_and_who_wants_no_more_has_none(desk: Desk) -> None:
    people(desk, {"bo": ""})
    desk.world.advance(datetime(2013, 9, 16, 7, tzinfo=UTC))
    desk.happens(Subscribed(subject="bo", daily="08:00", zone="Europe/Berlin", only_if_changed=False))
    digests(desk).round()
    assert put(desk) == []
    assert [bool(text) for text in told(desk, 2)] == [True, True]
    desk.happens(Subscribed(subject="bo"))
    assert told(desk, 2) == ["", ""]
    assert put(desk) == ["bo/day/2013-09-17", "bo/day/2013-09-18"]


def test_one_that_is_late_does_not_come_in_the_night(desk: Desk) -> None:
    people(desk, {"bo": 'daily: "08:00", zone: Europe/Berlin, quiet: "22:00-07:00", only_if_changed: false'})
    digests(desk).round()
    desk.world.advance(datetime(2013, 9, 15, 21, tzinfo=UTC))  # it was down all day, and comes back at eleven
    digests(desk).round()
    assert put(desk) == []
    desk.world.advance(datetime(2013, 9, 16, 5, 30, tzinfo=UTC))  # half past seven: yesterday's, then today's
    digests(desk).round()
    desk.world.advance(datetime(2013, 9, 16, 6, 1, tzinfo=UTC))
    digests(desk).round()
    assert put(desk) == ["bo/day/2013-09-15", "bo/day/2013-09-16"]


def test_who_is_bound_to_partitions_gets_none(desk: Desk) -> None:
    """It tells of all, and he could not look it up."""
    people(desk, {"ana": "daily: '08:00'", "bo": "daily: '08:00'"})
    team = desk.folder / "team.yaml"
    team.write_text(team.read_text().replace("slack: U02", "slack: U02, only: {tenant: [acme]}"))
    assert {key.partition("/")[0] for key in lives(desk, START, START + 2 * DAY)} == {"ana"}
