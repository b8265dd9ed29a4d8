"""What a session gives a command: its own time, its project, and a history that follows from what it finds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.errors import NotDeclared, NotFound, Refusal
from mlops_tui.roles import Actor
from mlops_tui.session import NullLedger, ReplayClock, Session, SystemClock, shown_name, without_project
from store.facts import AlertEvent, Finding, Note
from tests.conftest import START, Made

Opened = Callable[..., Session]


def put(session: Session, dataset: str, query: str, by: tuple[str, ...] = ()) -> tuple[str, bool]:
    manifest, changed = session.commit(session.data().write(dataset, query, partition_by=by))
    return manifest.id, changed


# -- time -------------------------------------------------------------------------------------------------------


def test_a_replayed_clock_stands_still_and_never_goes_back(session: Opened, clock: ReplayClock) -> None:
    opened = session()
    assert opened.now() == opened.now() == START
    clock.advance(START + timedelta(days=1))
    clock.advance(START)
    assert opened.now() == START + timedelta(days=1)


def test_the_time_of_the_machine_is_aware() -> None:
    assert SystemClock()().tzinfo is UTC


def test_looking_back_the_time_is_that_of_the_look(session: Opened) -> None:
    back = datetime(2013, 9, 1, tzinfo=timezone(timedelta(hours=-4)))
    assert session(as_of=back).now() == back


# -- who --------------------------------------------------------------------------------------------------------


def test_what_somebody_else_does_is_entered_under_his_name(session: Opened) -> None:
    opened = session("ana")
    real = opened.acting_as(Actor("zoe", frozenset({"viewer"})))
    opened.ledger.append(Note(subject="s", text="1"))
    real.ledger.append(Note(subject="s", text="2"))
    opened.ledger.append(Note(subject="s", text="3"))
    assert [entry.actor for entry in opened.ledger.entries()] == ["ana (simulated)", "zoe", "ana (simulated)"]
    assert (opened.actor.name, real.actor.name, shown_name(real.actor)) == ("ana", "zoe", "zoe")


# -- without a project ------------------------------------------------------------------------------------------


def test_without_a_project_nothing_is_declared_and_nothing_kept(tmp_path: Path) -> None:
    bare = without_project(tmp_path, perform)
    for asked in (bare.declared, bare.data, bare.tracking):
        with pytest.raises(NotDeclared) as caught:
            asked()
        assert (caught.value.where, caught.value.next) == (str(tmp_path), "Try: mlops-tui init")
    bare.ledger.append(Note(subject="s", text="t"))
    assert (bare.ledger.entries(), bare.ledger.head_seq(), bare.ledger.head()) == ([], 0, "")
    assert list(tmp_path.iterdir()) == []


def test_no_history_verifies_and_stays_empty_for_everybody() -> None:
    empty = NullLedger()
    assert empty.acting_as("bo").transact(lambda entries: [Note(subject="s", text=str(len(entries)))]) == []
    assert empty.verify() is None


# -- data -------------------------------------------------------------------------------------------------------


def test_a_dataset_without_data_says_how_to_get_some(session: Opened) -> None:
    opened = session()
    assert opened.current("flights") is None
    with pytest.raises(NotFound, match="mlops-tui ingest flights --file FILE"):
        opened.snapshot("flights")


def test_a_state_is_found_by_nothing_by_name_or_by_its_beginning(session: Opened) -> None:
    opened = session()
    first, _ = put(opened, "flights", "SELECT 1 AS id")
    second, _ = put(opened, "flights", "SELECT 2 AS id")
    assert opened.snapshot("flights").id == opened.snapshot("dataset/flights").id == second
    assert opened.snapshot(f"flights@{first[:10]}").id == first
    assert opened.perform(["snapshot", "tag", f"flights@{first[:10]}", "june"]).exit == 0
    assert opened.snapshot("flights@june").id == first
    with pytest.raises(Refusal):
        opened.snapshot("flights@nosuch")


def test_partitions_replace_their_like_and_others_stay(session: Opened) -> None:
    opened = session()
    put(opened, "flights", "SELECT i AS id, '2013-09-0' || (1 + i % 2) AS day FROM range(10) t(i)", ("day",))
    put(opened, "flights", "SELECT 99 AS id, '2013-09-02' AS day", ("day",))
    scan = opened.data().scan(opened.snapshot("flights"))
    rows = opened.data().connect().execute(f"SELECT id, day FROM {scan} ORDER BY id").fetchall()
    assert rows == [(id, "2013-09-01") for id in (0, 2, 4, 6, 8)] + [(99, "2013-09-02")]


def test_the_same_data_again_are_no_new_state(session: Opened) -> None:
    opened = session()
    first, changed = put(opened, "flights", "SELECT 1 AS id")
    assert changed
    assert put(opened, "flights", "SELECT 1 AS id") == (first, False)
    assert len(opened.ledger.entries("snapshot")) == 1


def test_two_that_write_different_days_at_once_both_land(session: Opened) -> None:
    one, other = session("ana"), session("dee")
    written = [each.data().write("flights", f"SELECT {day} AS id, '2013-09-0{day}' AS day", partition_by=("day",))
               for each, day in ((one, 1), (other, 2))]  # both began before either ended
    one.commit(written[0])
    merged, _ = other.commit(written[1])
    assert (merged.rows, one.snapshot("flights").id) == (2, merged.id)


def test_the_text_behind_a_finding_is_kept(session: Opened, project: Path) -> None:
    opened = session()
    digest = opened.declaration("model", "flights-delay")
    path = project / "models" / "flights-delay.yaml"
    before = path.read_bytes()
    path.write_text("task: other\n", encoding="utf-8")
    assert opened.data().object(digest) == before


# -- what follows -----------------------------------------------------------------------------------------------


def alerts(session: Session) -> list[tuple[str, str]]:
    return [(entry.subject, entry.fact.event) for entry in session.ledger.entries("alert")
            if isinstance(entry.fact, AlertEvent)]


def test_findings_of_a_monitor_fire_by_its_policy_and_others_never(session: Opened, made: Made) -> None:
    opened = session()
    for monitor in ("", "flights-drift", "unheard-of", "flights-drift"):
        before = opened.ledger.head_seq()
        assert alerts(opened) == []
        opened.ledger.append(made.finding("fail", monitor=monitor))
        opened.react(before)
    assert alerts(opened) == [("AL-1", "fired")], "two of three, and not before"
    opened.react(opened.ledger.head_seq())
    assert len(alerts(opened)) == 1, "what was reacted to is not reacted to again"


def test_an_unknown_finding_fires_no_alarm_by_itself(session: Opened) -> None:
    opened = session()
    opened.ledger.append(Finding(subject="s", check="drift", status="unknown", title="too few rows"))
    opened.react(0)
    assert alerts(opened) == []


def test_a_bug_is_kept_where_a_report_finds_it(session: Opened, project: Path) -> None:
    kept = Path(session().keep_traceback("Traceback: oh\n"))
    assert kept.stat().st_mode & 0o077 == 0, "only its owner reads what it quotes"
    assert (kept.parent, kept.read_text(encoding="utf-8")) == (project / ".mlops", "Traceback: oh\n")
    closed = Path(session(read_only=True).keep_traceback("Traceback: oh\n"))
    assert not closed.is_relative_to(project)
    closed.unlink()
