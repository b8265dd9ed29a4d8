"""What is done by itself after a promotion: going back by rule, and going on with what was interrupted."""

import socket
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest

from mlops_tui.assurance.deployments import deployments
from mlops_tui.daemon import TIMETABLE
from mlops_tui.folds import alerts, findings_of
from mlops_tui.oversight.guarding import guard
from mlops_tui.running.holder import this_process
from store.facts import Deployment, Promotion
from tests.doing import do

NAME, SECONDS = "flights-delay", count(0, 10)


@dataclass
class Registry:
    """Aliases as MLflow keeps them."""

    aliases: dict[str, str] = field(default_factory=dict)

    def alias(self, model, name, version):
        self.aliases[name] = version


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def person(session, registry):
    def opened(name):
        found = session(name)
        found.open_tracking = lambda: registry
        return found

    return opened


def promoted(version, previous=""):
    return Promotion(subject=NAME, version=version, previous=previous, approval="", evidence="")


def followed(version):
    return Deployment(subject=NAME, event="followed", version=version)


def rounds(session, begun=None):
    """One round of the daemon; what it would begin is done at once."""
    def begin(argv, consent):
        (begun if begun is not None else []).append(argv)
        return session.perform(argv, consent=consent)

    return guard(session, begin, float(next(SECONDS)))


# -- the watch over a promotion, in a world whose clock we move -----------------------------------------------------

WATCH = "watch: {for: 24h, rollback_if: {performance: fail, drift: fail, errors: fail}}\n"


@pytest.fixture
def watched(project, person, made):
    """A session where version 2 was just promoted in place of 1, which was rehearsed."""
    path = project / "models" / "flights-delay.yaml"
    path.write_text(path.read_text() + WATCH)
    ana = person("ana")
    ana.ledger.append(made.trained("1"), promoted("1"), followed("1"), made.trained("2"),
                      made.finding(check="rehearsed", version="1"), promoted("2", "1"), followed("2"))
    return ana


def serves(session):
    return [(entry.fact.version, entry.fact.event) for entry in session.ledger.entries("promotion")][-1]


def machine(session):
    return session.acting_as(TIMETABLE)


def test_a_finding_that_fails_rolls_back_once_by_the_timetable_with_its_reason(watched, made, registry, clock):
    begun = []
    rounds(machine(watched), begun)
    watched.ledger.append(made.finding("unknown", "performance", version="2"))
    watched.ledger.append(made.finding("fail", "performance", version="1", monitor=""))
    rounds(machine(watched), begun)
    assert begun == [], "what is unknown, or of another version, rolls nothing back"
    clock.advance(clock.moment + timedelta(hours=2))
    watched.ledger.append(made.finding("fail", "performance", version="2", monitor=""))
    for _ in range(3):
        rounds(machine(watched), begun)
    assert begun == [("promote", "--rollback", NAME, "--watched")]
    assert serves(watched) == ("1", "rolled_back")
    entry = watched.ledger.entries("promotion")[-1]
    assert entry.actor == "timetable"
    assert entry.fact.reason.startswith("performance is fail: performance is fail (entry ")
    assert registry.aliases == {"champion": "1"}
    [alert] = alerts(watched.ledger.entries()).values()
    assert (alert.check, alert.state) == ("watch", "firing")
    assert alert.title.startswith("flights-delay went back from version 2 to 1")
    watched.ledger.append(made.finding("fail", "performance", version="1", monitor=""))
    rounds(machine(watched), begun)
    assert (len(begun), serves(watched)) == (1, ("1", "rolled_back")), "what came back is not watched"


def test_drift_that_was_there_before_is_not_its_doing(watched, made):
    watched.ledger.append(made.finding("fail", "drift"))
    rounds(machine(watched))
    assert serves(watched) == ("1", "rolled_back")
    watched.ledger.append(made.trained("3"), promoted("3", "1"), followed("3"), made.finding("fail", "drift"))
    rounds(machine(watched))
    assert serves(watched) == ("3", "promoted")
    [row] = [row for row in do(watched, f"promote --history {NAME}").view.table("watch").rows
             if row["check"] == "drift"]
    assert row["said"] == "drift is fail, as before it was promoted"


def test_a_watch_that_is_over_says_what_stayed_unknown_and_no_longer_goes_back(watched, made, clock):
    watched.ledger.append(made.finding("pass", "performance", version="2"))
    clock.advance(clock.moment + timedelta(hours=24))
    for _ in range(2):
        rounds(machine(watched))
    [closed] = findings_of(watched.ledger.entries(), check="watch")
    assert (closed.fact.status, closed.fact.version) == ("unknown", "2")
    assert closed.fact.title.endswith("of drift, errors nothing is known")
    watched.ledger.append(made.finding("fail", "performance", version="2"))
    rounds(machine(watched))
    assert serves(watched) == ("2", "promoted")


def test_another_promotion_ends_the_watch_over_the_one_before(watched, made):
    watched.ledger.append(made.finding("fail", "performance", version="2"), made.trained("3"), promoted("3", "2"))
    rounds(machine(watched))
    assert serves(watched) == ("3", "promoted")
    assert "asks for a rollback" in do(watched, f"promote --rollback {NAME} --watched").view.title


def test_it_never_goes_back_to_what_does_not_answer(watched, made):
    """The way back is asked once more; it cannot be loaded here, so people are woken instead."""
    watched.ledger.append(made.finding("fail", check="rehearsed", version="1", monitor=""),
                          made.finding("fail", "performance", version="2", monitor=""))
    begun = []
    for _ in range(3):
        rounds(machine(watched), begun)
    assert begun == [("rehearse", "flights-delay@1")]
    assert serves(watched) == ("2", "promoted")
    [alert] = alerts(watched.ledger.entries()).values()
    assert (alert.severity, alert.check) == ("critical", "watch")
    assert "version 1 was never rehearsed" in alert.title


def test_errors_are_read_from_the_traffic(watched, made):
    told = {"signals": [{"endpoint": "e", "signal": "volume", "status": "fail"},
                        {"endpoint": "e", "signal": "errors", "status": "pass"}]}
    watched.ledger.append(made.finding("fail", "traffic", detail=told))
    rounds(machine(watched))
    assert serves(watched) == ("2", "promoted")
    told["signals"][1]["status"] = "fail"
    watched.ledger.append(made.finding("fail", "traffic", detail=told))
    rounds(machine(watched))
    assert serves(watched) == ("1", "rolled_back")


def test_nobody_goes_back_by_a_rule_that_is_not_there(person, made):
    ana = person("ana")
    ana.ledger.append(made.trained("1"), promoted("1"), made.trained("2"), promoted("2", "1"))
    outcome = do(ana, f"promote --rollback {NAME} --watched", yes=True)
    assert "it is not watched" in outcome.view.title
    assert do(ana, f"promote {NAME} --watched").exit == 2
    assert serves(ana) == ("2", "promoted")


# -- what was interrupted -------------------------------------------------------------------------------------------


def begun_by(holder, way="promote"):
    return Deployment(subject=NAME, event="began", id="DEP-1", version="2" if way == "promote" else "1",
                      previous="1" if way == "promote" else "2", way=way, deployer="alias", holder=holder)


@pytest.mark.parametrize(("way", "argv", "champion"), [
    ("promote", ("promote", "flights-delay@2"), ("2", "promoted")),
    ("rollback", ("promote", "--rollback", NAME), ("1", "rolled_back"))])
def test_what_a_dead_process_left_is_taken_up_once_and_carried_through(project, person, made, way, argv, champion):
    path = project / "models" / "flights-delay.yaml"
    path.write_text(path.read_text().replace("no_worse_than_champion, calibrated, checklist", "calibrated"))
    ana, begun = person("ana"), []
    ana.ledger.append(made.trained("1"), promoted("1"), made.trained("2"))
    ana.ledger.append(*([] if way == "promote" else [promoted("2", "1")]), begun_by(f"{socket.gethostname()}:1:0", way))
    for _ in range(3):
        rounds(machine(ana), begun)
    assert begun == [argv]
    assert serves(ana) == champion
    assert [each.state for each in deployments(ana.ledger.entries()).values()] == ["done"]


def test_what_a_living_process_is_at_is_left_to_it(person, made):
    ana, begun = person("ana"), []
    host, _, rest = this_process().partition(":")
    ana.ledger.append(made.trained("1"), promoted("1"), made.trained("2"), begun_by(f"elsewhere:{rest}"))
    rounds(machine(ana), begun)
    assert begun == []
    error = do(ana, "promote flights-delay@2").error
    assert (host != "elsewhere", error["code"]) == (True, "conflict")
    assert "DEP-1 is under way" in error["what"]
    assert do(ana, "promote --rollback flights-delay").error["code"] == "conflict"


def test_a_read_only_session_guards_nothing(session, made):
    looking = session("ana", read_only=True)
    assert guard(looking, lambda *_: None, 0.0) == []
