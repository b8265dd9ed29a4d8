"""check: what a build is told, by its exit code and in the forms that build servers and code hosts read."""

import json
import subprocess
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

import pytest

from mlops_tui.core._checked import Checked
from mlops_tui.core._junit import as_junit
from mlops_tui.core._sarif import as_sarif
from mlops_tui.opening import open_project
from mlops_tui.view import Status
from store.facts import Promotion
from tests.doing import do

SUBJECT = "flights-delay@1"


@pytest.fixture
def trained(session, made):
    ana = session("ana")
    ana.ledger.append(made.trained())
    return ana


def junit(document):
    """JUnit as a reader of another make sees it: expat's events, counted and grouped by hand."""
    suites, cases, open_ = [], [], []

    def start(name, given):
        open_.append(name)
        if name == "testsuite":
            suites.append(given)
        elif name == "testcase":
            cases.append({**given, "suite": suites[-1]["name"], "came": "passed"})
        elif name in ("failure", "error", "skipped"):
            assert open_[-2] == "testcase"
            cases[-1] |= {"came": name, "message": given["message"]}

    reader = expat.ParserCreate()
    reader.StartElementHandler = start
    reader.EndElementHandler = lambda name: open_.pop()
    reader.Parse(document, True)
    assert open_ == []
    for suite in suites:
        mine = [case for case in cases if case["suite"] == suite["name"]]
        assert int(suite["tests"]) == len(mine)
        for count, came in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite[count]) == sum(case["came"] == came for case in mine)
    return cases


def sarif(document, root=None):
    """The results of a log that keeps to SARIF 2.1.0, by the sections of the standard that it touches."""
    log = json.loads(document)
    assert (set(log), log["version"]) == ({"$schema", "version", "runs"}, "2.1.0")                    # 3.13
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert set(run) <= {"tool", "results", "columnKind"}                                              # 3.14
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")                               # 3.14.27
    assert driver["name"]                                                                             # 3.19.8
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))                                                                  # 3.19.23
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])                          # 3.12, 3.49.9
    for each in run["results"]:
        assert ids[each["ruleIndex"]] == each["ruleId"]                                               # 3.27.6
        assert each["kind"] in ("pass", "open", "informational", "notApplicable", "review", "fail")   # 3.27.9
        assert each["level"] in ("warning", "error", "note", "none")                                  # 3.27.10
        assert each["kind"] == "fail" or each["level"] == "none", "a level is of what fails alone"
        assert each["message"]["text"]                                                                # 3.27.11
        assert all(isinstance(value, str) for value in each["partialFingerprints"].values())          # 3.27.17
        for location in each["locations"]:
            place = location["physicalLocation"]
            uri = place["artifactLocation"]["uri"]
            assert not uri.startswith("/")                                                            # 3.4.4
            assert "\\" not in uri
            assert place["region"]["startLine"] >= 1                                                  # 3.30.5
            if root is not None:
                lines = (root / unquote(uri)).read_text().splitlines()
                assert place["region"]["startLine"] <= len(lines)
    return run["results"]


def test_it_exits_as_the_gate_stands(trained, session, made, project):
    outcome = do(trained, f"check {SUBJECT}")
    assert (outcome.exit, outcome.view.status) == (1, Status.FAIL)
    assert outcome.view.title == "flights-delay@1 may not serve: 2 unknown"
    trained.ledger.append(made.finding())
    do(session("bo"), f"checklist sign limits-reviewed {SUBJECT}", reason="read")
    outcome = do(trained, f"check {SUBJECT}")
    assert (outcome.exit, outcome.view.title) == (0, "flights-delay@1 may serve; every declaration is sound")
    trained.ledger.append(made.finding("fail"))
    assert do(trained, "check").view.title == "flights-delay@1 may not serve: 1 red", "every challenger"
    (project / "monitors" / "flights-drift.yaml").write_text("check: drfit\n")
    assert do(trained, "check").exit == 2
    assert do(trained, "check nothing").exit == 2


def test_next_is_what_settles_each_item_and_then_that_it_serves(trained, made, session):
    trained.ledger.append(made.finding("pass"))
    [step] = do(trained, "check").view.actions
    assert step.argv == ("checklist", "sign", "limits-reviewed", SUBJECT)
    do(session("bo"), f"checklist sign limits-reviewed {SUBJECT}", reason="read with the airport team")
    assert [step.argv for step in do(trained, "check").view.actions] == [("promote", SUBJECT)]


def test_without_a_challenger_there_is_nothing_to_say(trained):
    trained.ledger.append(Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""))
    outcome = do(trained, "check")
    assert (outcome.exit, outcome.view.title) == (0, "No version waits to serve; every declaration is sound")


def test_a_clone_without_its_ledger_does_not_say_that_its_gates_stand(session):
    outcome = do(session("ana"), "check")
    assert (outcome.exit, outcome.view.status) == (0, Status.WARN)
    assert outcome.view.title.startswith("No gate was judged: this history knows no version")


def test_a_name_that_leads_nowhere_is_not_sound_and_shown_at_its_line(trained, project):
    path = project / "models" / "flights-delay.yaml"
    path.write_text(path.read_text().replace("dataset: flights", "dataset: flihgts"))
    outcome = do(trained, "check")
    assert (outcome.exit, outcome.view.title) == (2, "1 declaration is not sound: no gate was judged")
    [row] = outcome.view.table("checked").rows
    assert row["where"] == "models/flights-delay.yaml:2"


def test_it_reads_only_and_everybody_may_look(trained, session, project, tmp_path):
    before = trained.ledger.head()
    for who in (session("vera"), session("ana", read_only=True)):
        assert do(who, f"check {SUBJECT}").exit == 1
    assert trained.ledger.head() == before
    assert do(session("vera"), f"promote {SUBJECT}").exit == 4, "which is more than to look"


def test_the_reports_say_the_same_in_every_form_with_the_lines_that_ask(trained, made, project, tmp_path):
    trained.ledger.append(made.finding("fail"))
    places = {kind: tmp_path / f"gate.{kind}" for kind in ("junit", "sarif", "summary")}
    local = open_project(project, person="ana", clock=trained.clock, source="terminal")
    line = " ".join(f"--{kind} {path}" for kind, path in places.items())
    outcome = do(local, f"check {SUBJECT} {line}")
    assert outcome.exit == 1
    cases = {case["name"]: case for case in junit(places["junit"].read_bytes()) if case["suite"] == SUBJECT}
    results = {each["ruleId"].partition("/")[2]: each for each in sarif(places["sarif"].read_bytes(), project)}
    rows = {row["item"]: row for row in outcome.view.table("checked").rows if row["of"] == SUBJECT}
    assert set(cases) == set(rows) <= set(results)
    came = {"fail": "failure", "unknown": "error", "pass": "passed", "done": "skipped", "warn": "passed"}
    for name, row in rows.items():
        assert cases[name]["came"] == came[row["status"].value]
        assert (results[name]["level"] == "error") == (row["status"] in (Status.FAIL, Status.UNKNOWN))
        place = results[name]["locations"][0]["physicalLocation"]
        assert f"{place['artifactLocation']['uri']}:{place['region']['startLine']}" == row["where"]
    asks = (project / "checklists" / "standard.yaml").read_text().splitlines()
    assert "id: drift-ok" in asks[int(rows["drift-ok"]["where"].rpartition(":")[2]) - 1]
    assert "flights-delay@1 may not serve: 1 red and 1 unknown" in places["summary"].read_text()
    assert do(local, f"check {SUBJECT} {line}").exit == 2, "a report that is there is not written over"
    assert do(local, f"check {SUBJECT} {line} --overwrite").exit == 1


def test_in_a_repository_the_places_are_seen_from_its_top(trained, project, session):
    top = project.parent
    (top / ".git").mkdir()
    try:
        rows = do(trained, f"check {SUBJECT}").view.table("checked").rows
        assert {row["where"].split("/")[0] for row in rows if row["where"]} == {project.name}
    finally:
        (top / ".git").rmdir()


HOSTILE = ["<b>&amp;\"']]>", "a | b `c` [d](e)", "\x00\x1b[31m", "\ud800", "Ünïcode ☃", "a: b\n- c",
           "%SRCROOT%/../x y.yaml"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_with_marks_in_them_are_harmless(name):
    found = [Checked(name, name, name, status, name, "models/a b%.yaml", 3) for status in Status if status.value in (
        "fail", "unknown", "pass", "warn", "done")]
    if name != "\ud800":
        assert len(sarif(as_sarif(found))) == 5
    cases = junit(as_junit(found))
    assert [case["came"] for case in cases] == ["passed", "passed", "failure", "error", "skipped"]
    if name.isprintable():
        assert {case["name"] for case in cases} == {name}


def test_a_clone_with_its_ledger_is_enough(trained, made, project, tmp_path_factory):
    clone = tmp_path_factory.mktemp("clone") / "flights"
    subprocess.run(["/bin/cp", "-r", str(project), str(clone)], check=True)
    outcome = do(open_project(Path(clone), person="ana", clock=trained.clock, source="test", read_only=True), "check")
    assert outcome.view.facts()["versions"] == (SUBJECT,)
