"""Who may do what, why, and until when: asked, granted, taken back, broken open, reviewed; through any door."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui import asking, folds
from mlops_tui.access.grants import grants
from mlops_tui.assurance.access import access as required
from mlops_tui.assurance.requirement import Case
from mlops_tui.errors import Denied
from mlops_tui.opening import open_project
from mlops_tui.render import terminal
from mlops_tui.roles import Shape
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import AlertEvent, Finding, Trained
from tests.conftest import START

TEAM = """\
people:
  ana: {roles: [engineer], simulated: true}
  bo: {roles: [approver, oncall], simulated: true}
  cy: {roles: [steward, admin], simulated: true}
  dee: {roles: [operator], simulated: true}
  lea: {roles: [legal, admin], simulated: true}
  sue: {roles: [steward], simulated: true}
  vera: {roles: [viewer], slack: U05, simulated: true}
"""
POLICY = """\
# who may read flights
rules:
  - {effect: allow, who: [operator], actions: ["*"], resources: [dataset/*, model/*]}
  - effect: allow
    who: [viewer, cy, lea]
    actions: [read]
    resources: [dataset/flights]
  - {effect: deny, who: [viewer, oncall], actions: [read], resources: [dataset/flights/column/late], reason: not yet}
  - {effect: allow, who: [lea], actions: [load], resources: [model/flights-delay], purposes: [audit]}
review: 2d
"""


@pytest.fixture
def shut(project: Path, session: Callable[..., Session]) -> Callable[..., Session]:
    """Sessions on the small project with flights in it, and a policy."""
    (project / "team.yaml").write_text(TEAM)
    (project / "access").mkdir()
    ana = session("ana")
    rows = ("SELECT i AS id, TIMESTAMPTZ '2013-09-01 10:00:00+00' AS sched_dep, '2013-09-0' || (1 + i % 2) AS day, "
            "i % 2 = 0 AS late FROM range(6) t(i)")
    ana.commit(ana.data().write("flights", rows, partition_by=("day",)))
    (project / "access/flights.yaml").write_text(POLICY)
    return session


def can(session: Session, *words: str) -> bool:
    outcome = session.perform(("access", "can", *words))
    assert outcome.error is None, outcome.error
    return outcome.exit == 0


def reads(session: Session) -> set[str]:
    outcome = session.perform(("sql", "FROM flights LIMIT 1"))
    return {column.id for column in outcome.view.table("rows").columns} if outcome.error is None else set()


ALL = {"id", "sched_dep", "day", "late"}


# -- asking ----------------------------------------------------------------------------------------------------------


def test_can_says_which_line_of_which_file_decides(shut: Callable[..., Session]) -> None:
    vera = shut("vera")
    view = vera.perform(("access", "can", "vera", "read", "dataset/flights/column/late")).view
    facts = view.facts()
    assert (view.status, facts["allowed"], facts["where"]) == (Status.FAIL, False, "access/flights.yaml:8")
    assert facts["why"] == "denied by access/flights.yaml: not yet"
    assert [(row["counts"], row["effect"], row["where"]) for row in view.table("rules").rows] == [
        ("holds", "allow", "access/flights.yaml:7"), ("counts", "deny", "access/flights.yaml:8")]
    assert [each.argv[:2] for each in view.actions] == [("access", "show")], "no grant opens what a rule denies"
    whole = vera.perform(("access", "can", "vera", "read", "dataset/flights")).view
    assert whole.title == "vera may read dataset/flights, in part"
    assert "the values of late" in str(whole.parts)


def test_what_is_said_of_reading_is_what_is_read(shut: Callable[..., Session]) -> None:
    for name in ("ana", "bo", "cy", "dee", "lea", "vera"):
        session = shut(name)
        said = {column for column in ALL if can(session, name, "read", f"dataset/flights/column/{column}")}
        assert reads(session) == said, name
    assert (reads(shut("ana")), reads(shut("vera")), reads(shut("bo"))) == (ALL, ALL - {"late"}, set())


def test_a_command_goes_by_the_table_of_roles_and_by_what_is_declared_besides(
        shut: Callable[..., Session], project: Path) -> None:
    assert [can(shut("vera"), name, "run", "command/train") for name in ("ana", "dee", "vera")] == [True, False, False]
    (project / "access/commands.yaml").write_text("rules:\n"
        "  - {effect: deny, who: [ana], actions: [run], resources: [command/train]}\n"
        "  - {effect: allow, who: [vera], actions: [run], resources: [command/incident/open]}\n")
    assert not can(shut("ana"), "ana", "run", "command/train")
    refused = shut("ana").perform(("train", "flights-delay"))
    assert refused.exit == 4
    assert "denied by access/commands.yaml" in refused.view.title
    assert can(shut("ana"), "vera", "run", "command/incident open")
    assert not can(shut("ana"), "vera", "run", "command/incident/resolve")
    shut("vera").admit("incident open", Shape.ACT)
    with pytest.raises(Denied):
        shut("vera").admit("incident resolve", Shape.DECIDE)


@pytest.mark.parametrize(("words", "next_"), [
    (("verra", "read", "dataset/flights"), "Did you mean 'vera'?"), (("vera", "read", "dataset/flihgts"), "flights"),
    (("vera", "read", "dataset/flights/column/lat"), "late"), (("vera", "run", "command/trian"), "train"),
    (("vera", "read", "flights"), "Resources are"), (("vera", "load", "model/x"), "flights-delay")])
def test_a_wrong_word_gets_the_nearest_right_one(shut: Callable[..., Session], words: tuple[str, ...],
                                                 next_: str) -> None:
    outcome = shut("vera").perform(("access", "can", *words))
    assert outcome.exit == 2
    assert outcome.error is not None
    assert next_ in outcome.error["next"]


@pytest.mark.parametrize(("line", "said"), [
    ("{effect: alow, who: [viewer], actions: [read], resources: [dataset/x]}", "'effect' is 'alow'"),
    ("{effect: allow, who: [], actions: [read], resources: [dataset/x]}", "'who' names nothing"),
    ("{effect: allow, who: [viewer], actions: [read], resources: [datset/x]}", "'datset/x' is no resource"),
    ("{effect: mask, who: [viewer], actions: [read], resources: [dataset/x]}", "only columns can be masked"),
    ("{effect: allow, who: [viewer], action: [read], resources: [dataset/x]}", "Unknown key 'action'"),
    ("{effect: allow, who: [viewer], actions: [read], resources: [dataset/x], until: soon}", "until is a day")])
def test_a_mistake_in_a_policy_shuts_every_door_and_says_where_it_is(
        shut: Callable[..., Session], project: Path, line: str, said: str) -> None:
    (project / "access/b.yaml").write_text(f"rules:\n  - {line}\n")
    for argv in (("sql", "FROM flights"), ("status",), ("access", "show")):
        outcome = shut("ana").perform(argv)
        assert outcome.exit == 2
        assert said in outcome.view.title
        assert outcome.error is not None
        assert "access/b.yaml:2" in outcome.error["where"]
    rows = shut("ana").perform(("doctor",)).view.table("checks").rows
    assert [said in str(row["detail"]) for row in rows if row["check"] == "access b"] == [True], "doctor looks on"


def test_names_that_lead_nowhere_are_found_by_doctor(shut: Callable[..., Session], project: Path) -> None:
    (project / "access/b.yaml").write_text(
        "rules:\n  - {effect: allow, who: [virwer], actions: [read], resources: [dataset/flihgts, model/flights-dela, "
        "dataset/flights/column/lat, endpoint/x*, command/trian, command/access/show, dataset/flights.quarantine]}\n")
    found = [row for row in shut("ana").perform(("doctor",)).view.table("checks").rows if row["check"] == "access b"]
    assert [str(row["detail"]).partition(", which")[0] for row in found] == [
        "names the person or role 'virwer'", "names the dataset 'flihgts'", "names the model 'flights-dela'",
        "names the column 'lat'", "names the command 'trian'"]
    assert all(row["fix"] for row in found)


def test_without_a_policy_everything_is_as_it_was(session: Callable[..., Session]) -> None:
    vera = session("vera")
    assert can(vera, "vera", "read", "dataset/flights")
    assert not vera.bounds()
    assert vera.data() is vera.lake
    view = vera.perform(("access", "show")).view
    assert view.title.startswith("No access policy is declared")
    outcome = session("bo").perform(("access", "break-glass", "dataset/flights"), reason="x")
    assert (outcome.exit, "No access policy" in outcome.view.title) == (2, True)


def test_the_lattice_is_read_at_80_columns_and_on_a_phone(shut: Callable[..., Session]) -> None:
    view = shut("vera").perform(("access", "show")).view
    row = next(row for row in view.table("lattice").rows if row["resource"] == "dataset/flights")
    assert {name: row[name] for name in ("ana", "bo", "vera")} == {"ana": "all", "bo": "–", "vera": "some"}
    shown = "\n".join(str(line) for line in terminal.lines(view, width=80))
    assert "dataset/flights" in shown
    assert "not shown for want of room" not in shown
    assert list(terminal.lines(view, width=40))


def test_a_part_that_is_denied_is_not_there_and_what_is_made_of_all_is_refused(shut: Callable[..., Session],
                                                                              project: Path) -> None:
    (project / "access/parts.yaml").write_text(
        "rules:\n  - {effect: deny, who: [dee], actions: [read], "
        "resources: [dataset/flights/partition/day=2013-09-01]}\n")
    dee = shut("dee")
    view = dee.perform(("sql", "SELECT DISTINCT day FROM flights")).view
    assert [row["day"] for row in view.table("rows").rows] == ["2013-09-02"]
    for argv in (("status",), ("alert", "list"), ("drift", "flights-delay")):
        assert dee.perform(argv).exit == 4, argv
    assert dee.perform(("sql", "SELECT count(*) FROM findings")).view.table("rows").rows[0]["count_star()"] == 0
    shut("ana").ledger.append(Finding(check="drift", subject="flights", status="fail", title="day 2013-09-01 moved"))
    assert dee.perform(("sql", "SELECT count(*) FROM findings")).view.table("rows").rows[0]["count_star()"] == 0, \
        "what was found in all is not told"


def test_who_uses_the_machine_is_bound_where_people_have_logins_and_not_where_roles_are_advisory(
        shut: Callable[..., Session], project: Path, clock: ReplayClock) -> None:
    shut("ana")
    alone = open_project(project, clock=clock, source="test")
    assert (alone.single_user, bool(alone.bounds()), reads(alone)) == (True, False, ALL)
    (project / "team.yaml").write_text(TEAM.replace("ana: {", "ana: {login: somebody-else, "))
    unlisted = open_project(project, clock=clock, source="test")
    assert (unlisted.single_user, reads(unlisted)) == (False, ALL - {"late"}), "a viewer as any other"


# -- granting --------------------------------------------------------------------------------------------------------


def granted(session: Session, *more: str, until: str = "2h") -> str:
    outcome = session.perform(("access", "grant", *more, "--until", until), reason="AL-3")
    assert outcome.error is None, outcome.error
    return str(outcome.view.facts()["grant"])


def test_a_grant_ends_by_the_clock_of_the_session_whatever_time_is_looked_at(
        shut: Callable[..., Session], clock: ReplayClock) -> None:
    bo = shut("bo")
    assert reads(bo) == set()
    id = granted(shut("cy"), "bo", "read", "dataset/flights")
    assert reads(bo) == ALL - {"late"}, "the same session, and what is denied stays so"
    clock.advance(START + timedelta(hours=2) - timedelta(microseconds=1))
    assert reads(bo)
    clock.advance(START + timedelta(hours=2))
    assert reads(bo) == set()
    assert reads(replace(bo, as_of=START + timedelta(hours=1))) == set()
    assert grants(bo.ledger.rights())[id].state(clock()) == "over"


def test_what_is_taken_back_is_gone_at_once_and_the_holder_may_lay_it_down(shut: Callable[..., Session]) -> None:
    first, second = (granted(shut("cy"), who, "read", "dataset/flights") for who in ("bo", "legal"))
    assert shut("dee").perform(("access", "revoke", first), reason="x").exit == 4
    assert shut("bo").perform(("access", "revoke", first), reason="done").exit == 0
    assert reads(shut("bo")) == set()
    assert shut("cy").perform(("access", "revoke", first), reason="x").exit == 2, "it is over"
    assert shut("cy").perform(("access", "revoke", second), reason="x").exit == 0


@pytest.mark.parametrize(("who", "argv", "exit", "said"), [
    ("ana", ("bo", "read", "dataset/flights", "--until", "2h"), 4, "may not run 'access grant'"),
    ("cy", ("cy", "load", "model/flights-delay", "--until", "2h"), 4, "grants nothing to himself"),
    ("cy", ("steward", "load", "model/flights-delay", "--until", "2h"), 4, "grants nothing to himself"),
    ("sue", ("bo", "run", "command/vault/destroy-key", "--until", "2h"), 4, "sue grants no commands"),
    ("cy", ("ana", "read", "dataset/flights", "--until", "2h"), 2, "may read dataset/flights already"),
    ("cy", ("bo", "read", "dataset/flights", "--until", "2013-01-01"), 2, "has passed already"),
    ("cy", ("bo", "read", "dataset/flights", "--until", "500d"), 2, "a year at most"),
    ("cy", ("bo", "read", "dataset/flights", "--until", "soon"), 2, "is not a time"),
    ("cy", ("bo", "read", "dataset/*", "--until", "2h"), 2, "No dataset")])
def test_who_may_not_grant_or_grants_nothing_is_refused(shut: Callable[..., Session], who: str, argv: tuple[str, ...],
                                                        exit: int, said: str) -> None:
    session = shut(who)
    outcome = session.perform(("access", "grant", *argv), reason="because")
    assert outcome.exit == exit
    assert said in outcome.view.title
    assert session.ledger.rights() == []
    assert outcome.recorded, "a refused attempt is an entry"


def test_a_grant_without_a_reason_is_asked_for_one(shut: Callable[..., Session]) -> None:
    outcome = shut("cy").perform(("access", "grant", "bo", "read", "dataset/flights", "--until", "2h"))
    assert (outcome.exit, shut("cy").ledger.rights()) == (2, [])


def test_a_purpose_is_what_the_command_says_and_nobody_else(shut: Callable[..., Session]) -> None:
    assert not can(shut("lea"), "lea", "load", "model/flights-delay")
    assert can(shut("lea"), "lea", "load", "model/flights-delay", "--purpose", "audit")
    granted(shut("cy"), "bo", "read", "dataset/flights", "--purpose", "monitoring")
    bo = shut("bo")
    assert reads(bo) == set(), "sql is no monitoring"
    assert not bo.may("read", "dataset/flights").allowed
    within = bo.entered()
    within.serve("drift", Shape.LOOK)
    assert within.may("read", "dataset/flights").allowed
    assert not bo.may("read", "dataset/flights").allowed, "other commands that run meanwhile have their own"


def test_a_model_is_loaded_by_who_may_load_it(shut: Callable[..., Session]) -> None:
    with pytest.raises(Denied, match="vera may not load 'flights-delay'"):
        shut("vera").tracking().load("flights-delay", "1")
    with pytest.raises(Denied, match="lea may not load"):
        shut("lea").tracking().fetch("flights-delay", "1")
    assert shut("ana").may("load", "model/flights-delay").allowed


# -- breaking the glass ----------------------------------------------------------------------------------------------


def test_a_broken_glass_lets_in_at_once_tells_everybody_and_ends(shut: Callable[..., Session],
                                                                 clock: ReplayClock) -> None:
    bo = shut("bo")
    outcome = bo.perform(("access", "break-glass", "dataset/flights"), reason="INC-3")
    assert outcome.error is None, outcome.error
    assert reads(bo) == ALL, "over what is denied"
    [alert] = folds.alerts(bo.ledger.entries("alert", "finding")).values()
    assert (alert.severity, alert.state, alert.title) == ("critical", "firing", "bo broke the glass on dataset/flights")
    finding = bo.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.check, finding.status) == ("access", "fail")
    clock.advance(START + timedelta(hours=1))
    assert reads(bo) == set()
    used = [entry for entry in bo.ledger.entries("command") if entry.subject == "sql"]
    assert [entry.fact.argv for entry in used][:1] == [("sql", "flights")], "what was read by it is kept"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("who", "argv", "exit"), [
    ("vera", ("dataset/flights/column/late",), 4), ("bo", ("dataset/flights", "--for", "9h"), 2),
    ("bo", ("command/train",), 2), ("cy", ("dataset/flights",), 2), ("bo", ("dataset/flihgts",), 2)])
def test_who_may_not_or_need_not_breaks_no_glass(shut: Callable[..., Session], who: str, argv: tuple[str, ...],
                                                 exit: int) -> None:
    session = shut(who)
    assert session.perform(("access", "break-glass", *argv), reason="because").exit == exit
    assert session.ledger.rights() == []
    assert not [entry for entry in session.ledger.entries("alert") if isinstance(entry.fact, AlertEvent)]


def test_no_glass_lets_out_of_the_partitions_to_which_team_yaml_binds(shut: Callable[..., Session],
                                                                      project: Path) -> None:
    (project / "team.yaml").write_text(TEAM.replace("bo: {", "bo: {only: {day: ['2013-09-01']}, "))
    bo = shut("bo")
    asked = ("access", "break-glass", "dataset/flights")
    assert bo.perform(asked, reason="INC-3").exit == 4, "of commands he has those that keep to it"
    assert not bo.may("read", "dataset/flights/partition/day=2013-09-02").allowed


def test_only_somebody_else_reviews_it_and_until_then_the_gate_is_shut(shut: Callable[..., Session],
                                                                       clock: ReplayClock) -> None:
    bo = shut("bo")
    bo.perform(("access", "break-glass", "dataset/flights"), reason="INC-3")
    cy = shut("cy")
    assert cy.perform(("access", "keep", "G-1"), reason="x").exit == 2, "it is open still"
    clock.advance(START + timedelta(hours=1))
    assert bo.perform(("access", "keep", "G-1"), reason="x").exit == 4
    assert [each.status for each in gate(cy)] == [Status.FAIL]
    view = cy.perform(("access", "review")).view
    assert (view.status, view.table("grants").rows[0]["state"]) == (Status.FAIL, "unreviewed")
    assert cy.perform(("access", "keep", "G-1"), reason="needed for INC-3").exit == 0
    assert [each.status for each in gate(cy)] == [Status.PASS]


def gate(session: Session) -> list:
    project = session.declared()
    case = Case("flights-delay", "1", project.models["flights-delay"], "", None, {}, session.now())
    return required(case, session.ledger.entries())


def test_a_grant_that_nobody_said_is_needed_still_shuts_the_gate(shut: Callable[..., Session],
                                                                 clock: ReplayClock) -> None:
    id = granted(shut("cy"), "bo", "read", "dataset/flights", until="30d")
    clock.advance(START + timedelta(days=2) - timedelta(seconds=1))
    assert [each.status for each in gate(shut("cy"))] == [Status.PASS]
    clock.advance(START + timedelta(days=2))
    [due] = gate(shut("cy"))
    assert (due.status, due.next) == (Status.FAIL, ("access", "review"))
    assert shut("lea").perform(("access", "keep", id), reason="the audit goes on").exit == 0
    assert [each.status for each in gate(shut("cy"))] == [Status.PASS]
    assert reads(shut("bo")), "and it holds still"


# -- reviewing -------------------------------------------------------------------------------------------------------


def test_review_names_the_columns_that_nothing_uses_and_who_may_read_them(shut: Callable[..., Session],
                                                                          project: Path) -> None:
    contract = project / "datasets/flights.yaml"
    contract.write_text(contract.read_text().replace("- {name: late,", "- {name: gate}\n      - {name: late,"))
    shut("ana").ledger.append(Trained(
        subject="flights-delay", version="1", candidate="c", key="k", run_id="r", artifact="a", training="t",
        declaration="d", seed=1, window=("", ""), metrics={}))
    view = shut("cy").perform(("access", "review", "--dataset", "flights")).view
    assert {row["column"]: row["may_read"] for row in view.table("unused").rows} == {
        "gate": ("engineer", "operator", "viewer")}
    rule = next(part.body for part in view.parts if getattr(part, "kind", "") == "code")
    (project / "access/less.yaml").write_text(f"rules:\n{rule}")
    assert [can(shut("cy"), who, "read", "dataset/flights/column/gate") for who in ("vera", "ana", "cy")] == [
        False, False, True]


def test_log_says_who_was_refused_and_what_was_granted(shut: Callable[..., Session]) -> None:
    granted(shut("cy"), "bo", "read", "dataset/flights")
    shut("dee").perform(("access", "grant", "bo", "read", "dataset/flights", "--until", "1h"), reason="x")
    shut("bo").perform(("sql", "SELECT 'secret words' FROM flights"))
    shut("bo").perform(("profile", "weather.csv"))
    rows = shut("cy").perform(("access", "log")).view.table("log").rows
    assert [(row["who"], row["what"], row["command"]) for row in rows][:4] == [
        ("bo (simulated)", "refused", "profile"), ("bo (simulated)", "did", "sql flights"),
        ("dee (simulated)", "refused", "access grant bo read dataset/flights --until 1h"),
        ("cy (simulated)", "did", "access grant bo read dataset/flights --until 2h")]
    assert "secret words" not in str(rows)


@pytest.mark.parametrize(("by", "k", "exit"), [("day", 3, 0), ("day,late", 3, 0), ("id", 1, 1)])
def test_anonymity_is_the_size_of_the_smallest_group(shut: Callable[..., Session], by: str, k: int, exit: int) -> None:
    outcome = shut("ana").perform(("access", "anonymity", "flights", "--by", by, "--at-least", "3"))
    assert (outcome.view.facts()["k"], outcome.exit) == (k, exit)
    assert outcome.view.facts()["rows_in_small_groups"] == (0 if exit == 0 else 6)


def test_nobody_learns_by_anonymity_what_he_may_not_see(shut: Callable[..., Session]) -> None:
    assert shut("vera").perform(("access", "anonymity", "flights", "--by", "late")).exit == 2
    one = shut("ana").perform(("access", "anonymity", "flights", "--by", "day", "--sensitive", "late"))
    assert one.view.facts()["l"] == 1, "on each day all were late, or none"
    assert "; l = 1: some group has one late" in one.view.title


# -- every door ------------------------------------------------------------------------------------------------------

ASKED = (("sql", "SELECT * FROM flights ORDER BY id"), ("profile", "flights"), ("sql", "SELECT late FROM flights"),
         ("access", "can", "vera", "read", "dataset/flights"), ("train", "flights-delay"), ("status",))


def test_the_answer_is_the_same_through_every_door(shut: Callable[..., Session]) -> None:
    vera = shut("vera")
    for argv in ASKED:
        answers = []
        for source in ("terminal", "dashboard", "slack"):
            session = vera.acting_as(replace(vera.actor, source=source))
            outcome = session.perform(argv)
            asked = asking.ask(session, argv)
            assert isinstance(asked, asking.Answer)
            assert (asked.view.title, asked.view.status) == (outcome.view.title, outcome.view.status)
            answers.append((outcome.exit, outcome.view.title, str(outcome.error), str(outcome.view.parts)))
        assert len(set(answers)) == 1, argv
