"""With a red, stale or unknown required item no command makes a version serve, whoever says it and from wherever.

Two ways are meant to: breaking the glass, which is loud, and going back to a former champion. Both are named here.
"""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bots.buttons import decode, encode
from mlops_tui import asking, jobs
from mlops_tui.folds import approvals, model_state
from mlops_tui.roles import ROLES
from mlops_tui.timetable import schedules
from mlops_tui.view import Status
from store.facts import Approval, Deployment, Promotion, Proposal, RunbookEvent, Vote
from tests.doing import do
from tests.ways import ASIDE, NAMED, capabilities, lines

ROOT = Path(__file__).parents[2]
SUBJECT = "flights-delay@2"
EVERYTHING = ", ".join(role for role in ROLES)
FILES = {
    "team.yaml": f"people:\n  ana: {{roles: [engineer], simulated: true}}\n"
                 f"  eve: {{roles: [{EVERYTHING}], simulated: true}}\n"
                 f"  flo: {{roles: [{EVERYTHING}], simulated: true}}\n",
    "boards/credit.yaml": "members: {eve: {seat: credit}, flo: {seat: law}}\nquorum: 2\n",
    "checklists/standard.yaml": "items:\n  - {id: outside, finding: outside, max_age: 2d}\n",
    "runbooks/let-in.md": "---\ndescription: Let it in.\n---\n## 1. Let it in\n\n```step\nkind: act\n"
                          "command: promote flights-delay@2\n```\n",
}
MODEL = ("no_worse_than_champion, calibrated, checklist]", "calibrated, checklist]")
OBSTACLES = ("red", "unknown", "stale", "of another declaration")


@pytest.fixture
def world(project, person, made, registry):
    """Version 1 serves; version 2 waits, its gate as green as could be. Everything that may be said about it exists."""
    for name, text in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    model = project / "models" / "flights-delay.yaml"
    model.write_text(model.read_text().replace(*MODEL))
    ana = person("ana")
    ana.ledger.append(made.trained(), made.trained("2"), Promotion(
        subject="flights-delay", version="1", previous="", approval="", evidence=""), outside(made))
    registry.aliases["champion"] = "1"
    return ana


def outside(made, **more):
    """A finding of a check that no command makes, so that nothing said here can mend it."""
    return made.finding(check="outside", **{"version": "2", "declaration": made.finding().declaration, **more})


def obstruct(obstacle, session, made, clock):
    """Make the item red, stale or unknown for version 2."""
    match obstacle:
        case "red":
            session.ledger.append(outside(made, status="fail"))
        case "unknown":
            session.ledger.append(outside(made, status="unknown"))
        case "stale":
            clock.advance(clock.moment + timedelta(days=2, seconds=1))
        case "of another declaration":
            session.ledger.append(outside(made, declaration="0" * 64))


def serves(session):
    return model_state(session.ledger.entries(), "flights-delay").champion


def asked_for(session):
    """Asks for the votes while all is green."""
    outcome = do(session, f"promote {SUBJECT}", yes=True)
    assert outcome.view.status is Status.RUNNING, outcome.view
    return outcome.view.facts()["approval"]


def say(session, argv):
    """A command line said to its end: with a reason, and with consent to whatever plan comes back."""
    outcome = session.perform(argv, reason="because")
    return session.perform(argv, reason="because", consent=outcome.plan) if outcome.plan else outcome


# -- it would serve, were the item green ----------------------------------------------------------------------------


def test_were_all_of_it_green_the_votes_would_let_it_serve(world, person, registry):
    assert asked_for(world) == "AP-1"
    for voter in ("eve", "flo"):
        assert do(person(voter), "approve AP-1", reason="all of it is green").exit == 0
    assert (serves(world), registry.aliases) == ("2", {"champion": "2"})


# -- the whole command tree -----------------------------------------------------------------------------------------


def tried(person, project, registry, said, sources=("dashboard", "slack", "terminal")):
    """Say every line in turn, as people who hold every role, from a surface each; files are put back after each."""
    kept = {path: path.read_bytes() for folder in ("", "models/", "checklists/", "monitors/", "boards/")
            for path in project.glob(f"{folder}*.yaml")}
    sessions = [person(name) for name in ("eve", "flo")]
    count = 0
    for number, argv in enumerate(said):
        mine = sessions[number % 2]
        say(mine.acting_as(replace(mine.actor, source=sources[number % len(sources)])), argv)
        for path, content in kept.items():
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
        assert (serves(mine), registry.aliases) == ("1", {"champion": "1"}), argv
        count += 1
    return count


def surroundings(session, project, made):
    """An approval, a board's case, a runbook at its step, a proposal: things that a command line may be about."""
    asked_for(session)
    assert do(session, f"board open {SUBJECT} --board credit").exit == 0
    model = (project / "models" / "flights-delay.yaml")
    open_ = model.read_text().replace("calibrated, checklist]", "calibrated]")
    session.ledger.append(
        Proposal(subject="P-1", event="proposed", path="checklists/standard.yaml", content="items: []\n", why="easier",
                 before=made.finding().declaration),
        Proposal(subject="P-2", event="proposed", path="models/flights-delay.yaml", content=open_, why="easier"),
        RunbookEvent(subject="RUN-1", event="started", runbook="let-in", about="flights-delay",
                     digest=session.declaration("runbook", "let-in")))


CLOSEST = ("promote", "approve", "board", "checklist", "adopt", "runbook")


def every_line():
    return [argv for argv in lines(looks=True) if not set(NAMED) & set(argv)]


def test_no_command_of_the_tree_lets_it_serve(world, person, project, registry, made, clock, monkeypatch):
    """Every command, each of its flags and choices, and once more those that come closest, after all the others."""
    monkeypatch.chdir(project)
    surroundings(world, project, made)
    obstruct("red", world, made, clock)
    every = every_line()
    said = {" ".join(argv[:2]) for argv in every} | {argv[0] for argv in every}
    assert {words for words in capabilities() if words not in ASIDE and words.split()[0] not in ASIDE} <= said
    assert tried(person, project, registry, [*every, *(argv for argv in every if argv[0] in CLOSEST)]) > 500
    done = {entry.subject for entry in world.ledger.entries("command") if entry.fact.phase == "outcome"}
    assert {"promote", "board open", "board vote", "adopt decline"} <= done, "not all were wrong"


@pytest.mark.parametrize("obstacle", OBSTACLES[1:])
def test_none_that_comes_close_does_for_whatever_stands_in_the_way(world, person, project, registry, made, clock,
                                                                   monkeypatch, obstacle):
    monkeypatch.chdir(project)
    surroundings(world, project, made)
    obstruct(obstacle, world, made, clock)
    assert tried(person, project, registry, [argv for argv in every_line() if argv[0] in CLOSEST]) > 50


# -- what was begun while it was green ------------------------------------------------------------------------------


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_votes_on_an_older_plan_and_buttons_that_are_pressed_again_come_to_nothing(world, person, made, clock, registry,
                                                                                   obstacle):
    plan = do(world, f"promote {SUBJECT}").plan
    pressed = [encode(("promote", SUBJECT), plan), encode(("approve", "vote", "AP-1"), asks=("reason",))]
    asked_for(world)
    assert do(person("eve"), "approve AP-1", reason="it was green").exit == 0
    obstruct(obstacle, world, made, clock)
    begun = []
    for name in ("flo", "eve", "ana"):
        session = person(name)
        for value in pressed:
            press = decode(value)
            asking.ask(session, press.argv, press.consent, "because", lambda *job: begun.append(job) or 1)
    for session, argv, consent, reason in begun:  # the job's child does the same, by the same door
        session.perform(argv, consent=consent, reason=reason)
    assert begun, "consent makes a job of it"
    assert (serves(world), registry.aliases["champion"]) == ("1", "1")
    assert approvals(world.ledger.entries(), world.now())["AP-1"].state in ("void", "expired")


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_votes_that_are_met_are_worth_nothing_once_an_item_is_not_green(world, person, made, clock, registry, obstacle):
    asked_for(world)
    plan = approvals(world.ledger.entries(), world.now())["AP-1"].plan
    registry.away = True
    world.ledger.append(*(fact for voter in ("eve", "flo") for fact in voted(voter, plan)))
    obstruct(obstacle, world, made, clock)
    registry.away = False
    for consent in (plan, "0" * 64, None):
        assert world.perform(("promote", SUBJECT), consent=consent).exit == 1
    assert serves(world) == "1"


def voted(voter, plan):
    last = [Approval(subject="AP-1", event="met")] if voter == "flo" else []
    return [Vote(subject="AP-1", voter=voter, choice="yes", plan=plan, reason="r", roles=("approver",)), *last]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_promotion_that_was_cut_off_is_taken_back_once_an_item_is_not_green(world, made, clock, registry, obstacle):
    world.ledger.append(Deployment(subject="flights-delay", event="began", id="DEP-1", version="2", previous="1",
                                   way="promote", deployer="alias"))
    obstruct(obstacle, world, made, clock)
    outcome = say(world, ("promote", SUBJECT))
    assert (serves(world), registry.aliases["champion"], outcome.exit) == ("1", "1", 1)
    assert "its gate has closed since" in world.ledger.entries("deployment")[-1].fact.reason


def test_a_promotion_that_was_cut_off_goes_on_while_all_is_green(world, registry):
    world.ledger.append(Deployment(subject="flights-delay", event="began", id="DEP-1", version="2", previous="1",
                                   way="promote", deployer="alias"))
    assert say(world, ("promote", SUBJECT)).exit == 0
    assert (serves(world), registry.aliases["champion"]) == ("2", "2")


def test_a_step_of_a_runbook_is_refused_as_its_command_is(world, person, made, clock):
    obstruct("red", world, made, clock)
    begun = do(person("eve"), "runbook run let-in --about flights-delay", yes=True)
    for verb in ("runbook step RUN-1 1", "runbook resume RUN-1", "runbook skip RUN-1"):
        do(person("eve"), verb, yes=True, reason="because")
    assert (begun.exit in (0, 1, 2), serves(world)) == (True, "1")


def test_the_timetable_says_nothing_that_could_let_a_version_serve(world):
    """What the clock performs is declared: pipelines, checks, and what rolls back; never a promotion."""
    for each in schedules(world.declared()):
        assert "promote" not in each.argv or "--rollback" in each.argv
        assert str(asking.call_of(world, each.argv).shape) == "measure" or "--rollback" in each.argv


def test_a_proposal_that_empties_the_gate_leaves_nothing_known(world, person, made, clock, project):
    obstruct("red", world, made, clock)
    model = project / "models" / "flights-delay.yaml"
    empty = "\n".join(line for line in model.read_text().splitlines() if not line.startswith(("gate", "criteria")))
    world.ledger.append(Proposal(subject="P-1", event="proposed", path="models/flights-delay.yaml", why="easier",
                                 content=f"{empty}\ngate: []\n",
                                 before=world.declared().fingerprint("model", "flights-delay")))
    assert do(world, "adopt P-1", yes=True).exit == 0
    outcome = do(world, f"promote {SUBJECT}", yes=True)
    assert (outcome.exit, serves(world)) == (1, "1")
    assert "nothing is required of it, so nothing is known" in outcome.view.title


# -- one door -------------------------------------------------------------------------------------------------------


def test_every_surface_comes_in_by_one_door_and_one_function_writes_that_a_version_serves():
    """No surface imports what decides here, one line alone applies a plan, and one alone writes a promotion."""
    text = {path.relative_to(ROOT).as_posix(): path.read_text() for package in ("mlops_tui", "bots", "store")
            for path in (ROOT / package).rglob("*.py")}

    def holds(pattern):
        return {path for path, each in text.items() if re.search(pattern, each, re.MULTILINE)}

    nouns = "promote|approve|board|checklist|_deployed|_glass"
    assert holds(r"(?<!class )\bPromotion\(\s*subject") == {"mlops_tui/governance/_deployed.py"}
    assert holds(r"\bplanned\.apply\b") == {"mlops_tui/commands.py"}
    assert {path for path in holds(rf"^\s*(from|import) mlops_tui\.governance(\.({nouns})\b| import.*\b({nouns})\b)")
            if not path.startswith("mlops_tui/governance/")} == set()
    assert "mlops_tui/governance/promote.py" in holds(rf"^from mlops_tui\.governance\.({nouns})\b"), "it would find one"


def test_a_job_is_the_same_command_line_at_the_same_door(world, made, clock, monkeypatch):
    plan = do(world, f"promote {SUBJECT}").plan
    obstruct("red", world, made, clock)
    monkeypatch.setattr(jobs, "launch", lambda *_: None)
    do(world, f"job start --consent {plan} promote {SUBJECT}", yes=True)
    for each in jobs.newest(world, 5):
        world.perform(each.argv, consent=each.consent or plan, reason="because")
    assert serves(world) == "1"


# -- the two that are named -----------------------------------------------------------------------------------------


def test_breaking_the_glass_is_loud(world, person, made, clock):
    obstruct("red", world, made, clock)
    assert do(world, f"promote {SUBJECT} --break-glass --reason r").exit == 4, "not by everybody"
    outcome = do(person("eve"), f"promote {SUBJECT} --break-glass --reason 'version 1 answers nothing'", yes=True)
    assert (serves(world), outcome.view.status) == ("2", Status.WARN)
    [broken] = approvals(world.ledger.entries(), world.now()).values()
    assert (broken.state, broken.requester) == ("review", "eve")
    assert do(world, "approve list").view.status is Status.FAIL, "until somebody else has reviewed it"


def test_going_back_leads_to_a_former_champion_and_nowhere_else(world, made, clock):
    obstruct("red", world, made, clock)
    assert do(world, "promote --rollback flights-delay", yes=True).exit == 2, "there is none before version 1"
    world.ledger.append(Promotion(subject="flights-delay", version="9", previous="1", approval="", evidence=""))
    assert do(world, f"promote --rollback {SUBJECT}", yes=True).exit == 0
    assert serves(world) == "1", "whichever version is named"
