"""The impact of a model: answered from evidence, completed by people, provisional until it is whole."""

import json
from dataclasses import replace
from datetime import UTC
from importlib.resources import as_file, files

import pytest

from mlops_tui.assurance import tier
from mlops_tui.assurance.questions import Questionnaire
from mlops_tui.assurance.scoring import contradicted, unfit
from mlops_tui.declarations import declare
from mlops_tui.declarations.impacts import Answer, Impact
from mlops_tui.governance import _papers
from mlops_tui.governance._assessing import OTHERS, act, questions, shipped
from mlops_tui.governance._impact_answer import answer, with_answers
from mlops_tui.project import Project
from mlops_tui.render.html import as_html
from mlops_tui.render.markdown import as_markdown
from mlops_tui.view import Status
from store.facts import Assessed, Finding

NAME = "flights-delay"


def write(project, text="answers: {}\n", name=f"impact/{NAME}.yaml"):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def whole(**other) -> str:
    """Every question answered with its lightest choice, but those of `other`."""
    asked = declare.read(Questionnaire, shipped("canada-aia")).questions
    lightest = {each.id: min(each.choices, key=each.choices.__getitem__) for each in asked}
    lightest["aboutDataType1"] = "no"
    lines = [f"  {id}: {{is: {choice}}}" for id, choice in {**lightest, OTHERS: "no", "eu-profiles": "no",
                                                            **other}.items()]
    return "answers:\n" + "\n".join(lines) + "\n"


def perform(session, *argv, **how):
    outcome = session.perform(argv, **how)
    assert outcome.exit in (0, 1), outcome.error
    return outcome.view


def test_without_answers_it_says_what_level_and_class_can_still_be(session, made):
    ana = session()
    ana.ledger.append(made.trained())
    view = perform(ana, "impact", NAME)
    assert (view.status, "level I to IV, EU minimal to prohibited" in view.title) == (Status.UNKNOWN, True)
    facts = view.facts()
    assert (facts["risk most"], facts["measures most"], facts["questions"]) == (111, 45, "canada-aia 0.9.1")
    shown = {row["id"]: row for row in view.table("evidence").rows}
    assert shown["dataQuality7"]["answer"] == ("no",), "no owner is declared"
    [entry] = [each for each in ana.ledger.entries("finding") if each.fact.check == "impact"]
    assert (entry.fact.status, entry.fact.version, len(entry.fact.detail["open"]) > 50) == ("unknown", "1", True)
    known = tier.of(ana.ledger.entries("assessed"), NAME)
    assert (known.level, known.eu, known.high) == (None, None, True)


def test_whole_and_light_answers_give_level_one_and_minimal(session, project, made):
    write(project, whole(fairness5="yes"))
    ana = session()
    ana.ledger.append(made.trained())
    view = perform(ana, "impact", NAME)
    assert (view.status, view.title) == (Status.PASS, f"{NAME}: level I, EU minimal")
    known = tier.of(ana.ledger.entries("assessed"), NAME)
    assert (known.level, known.eu, known.questions) == (1, "minimal", "canada-aia 0.9.1")
    assert perform(ana, "impact").status is Status.PASS
    assert perform(ana, "impact", "ask", NAME).status is Status.PASS


def test_an_answer_that_evidence_denies_is_named_and_does_not_count(session, project):
    write(project, whole(dataQuality7="yes"))
    view = perform(session(), "impact", NAME)
    assert (view.status, "1 answer is denied by evidence" in view.title) == (Status.FAIL, True)
    [row] = view.table("wrong").rows
    assert row["what"] == "dataQuality7"
    assert "no owner" in row["why"]


def test_evidence_that_is_better_than_what_was_typed_counts_and_only_warns(session, project, made):
    write(project, whole(fairness5="no"))
    ana = session()
    ana.ledger.append(made.trained())
    view = perform(ana, "impact", NAME)
    assert (view.status, view.facts()["measures"]) == (Status.WARN, "2")
    assert view.table("wrong").rows[0]["status"] is Status.WARN


def test_answers_that_contradict_each_other_are_named(session, project):
    write(project, whole(impact1="yes", impact2="yes"))
    view = perform(session(), "impact", NAME)
    assert (view.status, "1 contradiction" in view.title) == (Status.FAIL, True)
    assert view.table("wrong").rows[0]["what"] == "impact1 yes, impact2 yes"


def test_what_is_prohibited_fails_with_its_article(session, project):
    write(project, whole(**{"eu-social-score": "yes", "eu-out-of-scope": "no"}))
    view = perform(session(), "impact", NAME)
    assert (view.status, view.title) == (Status.FAIL, f"{NAME}: level I, EU prohibited by Art. 5(1)(c)")


def test_a_material_change_asks_for_the_answers_again_until_somebody_went_through_them(session, project):
    write(project, whole())
    assert perform(session(), "impact", NAME).status is Status.PASS
    contract = project / "datasets/flights.yaml"
    contract.write_text(contract.read_text().replace("{name: day, logicalType: string}",
                                                     "{name: day, logicalType: string, classification: personal}"))
    view = perform(session(), "impact", NAME)
    assert (view.status, "change since it was answered" in view.title) == (Status.FAIL, True)
    assert "about people now: flights.day" in str(view.table("wrong").rows)
    write(project, "reviewed: 2013-09-14, the day is of nobody\n" + whole(
        aboutDataSource1="yes", aboutDataSource9="yes", aboutDataSource10="no", aboutDataSource11="yes"))
    view = perform(session(), "impact", NAME)
    assert view.status is Status.PASS, view.table("wrong").rows


def test_an_own_questionnaire_is_read_from_the_project_and_tried_from_a_file(session, project):
    own = ('id: own\nversion: "3"\nmaxima: {risk: 4, mitigation: 0}\nquestions:\n'
           '  - {id: q, ask: "Q?", choices: {yes: 4, no: 0}}\n')
    path = write(project, own, "impact/questions/own.yaml")
    write(project, f"questions: own\nanswers:\n  q: {{is: yes}}\n  {OTHERS}: {{is: no}}\n")
    view = perform(session(), "impact", NAME)
    assert (view.title, view.facts()["questions"]) == (f"{NAME}: level IV, EU minimal", "own 3")
    before = len(session().ledger.entries("assessed", "finding"))
    write(project, f"answers:\n  q: {{is: no}}\n  {OTHERS}: {{is: no}}\n")
    ana = session()
    tried = perform(replace(ana, actor=replace(ana.actor, source="terminal")), "impact", "assess", NAME, "--questions",
                    str(path))
    assert tried.title == f"{NAME}: level I, EU minimal"
    assert len(session().ledger.entries("assessed", "finding")) == before, "trying records nothing"


@pytest.mark.parametrize(("text", "line", "words"), [
    ("answers:\n  impct6: {is: easily}\n", 2, "impact6"), ("answers:\n  impact6: {is: eaily}\n", 2, "none of easily"),
    ("answers:\n  impact6: {is: [easily, never]}\n", 2, "one choice only"),
    ("answers:\n  eu-credit: {is: maybe}\n", 2, "none of yes, no"),
    ("answers:\n  eu-others: {is: yes}\n", 2, "only be"),
    ("questions: other\n", None, "No questionnaire 'other'"), ("answers:\n  impact6: {is: []}\n", 2, "no answer")])
def test_a_slip_in_the_answers_is_named_with_its_line(session, project, text, line, words):
    path = write(project, text)
    outcome = session().perform(("impact", NAME))
    assert outcome.exit == 2
    assert words in str(outcome.error)
    assert line is None or outcome.error["where"] == f"{path}:{line}"


def test_answers_are_proposed_and_adopted_and_count_then(session, project):
    path = write(project, "# kept\nanswers:\n  impact6: {is: never}  # old\nuse: x\n")
    ana = session()
    view = perform(ana, "impact", "answer", NAME, "--set", "impact6=easily", "--set", "decisionSector1=health+other",
                   "--why", "because: it [is]")
    assert view.facts()["answers"] == ("impact6", "decisionSector1")
    again = perform(ana, "impact", "answer", NAME, "--set", "impact7=briefly")
    assert path.read_text().startswith("# kept\nanswers:\n  impact6: {is: never}"), "nobody edits it behind one's back"
    for number in ("P-1", "P-2"):
        assert ana.perform(("adopt", number), consent=ana.perform(("adopt", number)).plan).exit == 0, again.title
    found = Project(project).impact[NAME]
    assert {id: each.choices for id, each in found.answers.items()} == {
        "impact6": ("easily",), "decisionSector1": ("health", "other"), "impact7": ("briefly",)}
    assert (found.use, found.answers["impact6"].why) == ("x", "because: it [is]")
    assert "# kept" in path.read_text()


def test_a_form_asks_for_the_next_questions_with_their_choices(session, project):
    write(project)
    view = perform(session(), "impact", "ask", NAME)
    first = view.actions[0]
    assert (first.argv, len(first.asks), first.asks[0][:4]) == (("impact", "answer", NAME), 5, "set:")
    fields = answer.fields(Project(project), {"model": NAME})
    assert (len(fields), fields[0].choices, fields[0].wrong("perhaps") != "", fields[0].wrong("yes")) == (
        5, ("yes", "no"), True, "")
    assert answer.fields(Project(project), {"model": "nothing"}) == []


@pytest.mark.parametrize("text", ["", "use: x\n", "answers: {}\nuse: x\n", "answers:\n  b: {is: yes}\n\n# end\n",
                                  "answers:\n    b: {is: yes}\nuse: x\n",
                                  "use: x\nanswers:\n  a:\n    is: no\n    why: y"])
def test_an_answer_is_put_into_any_file_and_the_rest_stays(text):
    before = declare.parse(Impact, text, "f") if text else Impact()
    new = declare.parse(Impact, with_answers(text, {"a": Answer(("yes",), 'x: "y" # z')}, "f"), "f")
    assert (new.use, new.answers["a"].is_, new.answers["a"].evidence) == (before.use, "yes", 'x: "y" # z')
    assert {**before.answers, "a": None}.keys() == new.answers.keys()


def test_every_answer_is_shown_with_what_gave_it_and_the_history_says_when_it_changed(session, project):
    write(project, whole())
    ana = session()
    perform(ana, "impact", NAME)
    perform(ana, "impact", NAME)
    shown = perform(ana, "impact", "show", NAME)
    by = {row["id"]: row["from"] for row in shown.table("answers").rows}
    assert (by["riskProfile1"], by["dataQuality7"]) == ("a person", "evidence")
    write(project, whole(riskProfile3="yes", impact9="high", impact2="yes", impact3="yes", impact5="yes",
                         aboutDataSource5="yes", aboutDataType1="no", riskProfile1="yes"))
    perform(session(), "impact", NAME)
    rows = perform(session(), "impact", "history", NAME).table("assessments").rows
    assert [row["level"] for row in rows] == ["II", "I"]
    [entry, *_] = ana.ledger.entries("assessed")
    assert isinstance(entry.fact, Assessed)
    document = json.loads(ana.data().object(entry.fact.answers))
    assert document["maxima"] == [111, 90]


def test_a_viewer_looks_and_does_not_assess(session):
    assert session("vera").perform(("impact",)).exit in (0, 1)
    assert session("vera").perform(("impact", NAME)).exit == 4
    assert session("bo").perform(("impact", NAME)).exit == 1, "an approver on call may"


def test_a_monitor_assesses_on_its_timetable(session, project):
    write(project, "check: impact\nsubject: flights-delay\nevery: 0 6 * * 1\n"
                   "alert: {after: 1 of 1, severity: medium}\n", "monitors/flights-impact.yaml")
    perform(session(), "impact", NAME, "--monitor", "flights-impact")
    [entry] = session().ledger.entries("finding")
    assert isinstance(entry.fact, Finding)
    assert entry.fact.monitor == "flights-impact"


@pytest.mark.parametrize("story", ["flights", "credit"])
def test_the_shipped_demo_answers_are_whole_and_contradict_nothing(story):
    with as_file(files("templates") / story) as root:
        project = Project(root)
        [name] = project.impact
        declared = project.impact[name]
        asked = questions(project, declared.questions)
        assert name in project.models
        known = {*act().questions, OTHERS, *(each.id for each in asked.questions)}
        assert set(declared.answers) <= known
        for each in asked.questions:
            if each.id in declared.answers:
                assert unfit(each, declared.answers[each.id].choices) == "", each.id
        assert contradicted(asked, {id: each.choices for id, each in declared.answers.items()}) == []


# -- documents ------------------------------------------------------------------------------------------------------


def trained(session, made):
    session.ledger.append(made.trained(declaration=session.declaration("model", NAME), detail={
        "metric": "roc_auc", "contrasts": [], "descriptions": {"logistic": "LogisticRegression"}, "train_rows": 900,
        "test_rows": 100, "inputs": [{"name": "day", "type": "string"}],
        "footprint": {"cpu_seconds": 1.5, "peak_bytes": 2e8, "rows": 1000}}))
    return session


def test_every_record_that_a_shipped_document_names_exists_and_every_item_is_there_once():
    for name, count in (("annex-iv", 27), ("nist-ai-rmf", 19)):
        items = [item for section in _papers.form(name).sections for item in section.items]
        assert len({item.id for item in items}) == len(items) == count
        assert {by for item in items for by in item.by} <= set(_papers.RECORDS)


def test_the_annex_says_what_is_unknown_and_how_much_of_each_section_is_filled(session, made):
    view = perform(trained(session(), made), "impact", "annex", NAME)
    assert view.status is Status.UNKNOWN
    rows = {row["section"]: row for row in view.table("sections").rows}
    assert (rows["8"]["filled"], rows["8"]["of"], rows["8"]["complete"]) == (0, 1, 0.0)
    assert set(view.facts()["unknown"]) >= {"1(a)", "1(c)", "7", "8"}
    filled, of = (sum(row[key] for row in view.table("sections").rows) for key in ("filled", "of"))
    assert (of, len(view.facts()["unknown"])) == (27, of - filled)
    assert view.facts()["complete"] == f"{filled / of:.0%}"
    text = "\n".join(part.body for part in view.parts if hasattr(part, "body"))
    assert "logistic: LogisticRegression, seed 1" in text
    assert "training took 1.5 CPU s and 200 MB at most for 1,000 rows" in text
    assert "roc_auc 0.750 [0.740, 0.760], n 5,000" in text


def test_what_only_people_know_is_written_by_them_and_never_over_what_is_recorded(session, made, project):
    write(project, "use: Warns.\nannex: {'7': None applies, '2(a)': And a workshop., '8': ''}\n")
    view = perform(trained(session(), made), "impact", "annex", NAME)
    text = "\n".join(part.body for part in view.parts if hasattr(part, "body"))
    assert "- None applies" in text
    assert "training key 1 And a workshop." in text
    assert "1(a)" not in view.facts()["unknown"]
    assert "8" in view.facts()["unknown"], "an empty text fills nothing"


@pytest.mark.parametrize("name", ["a.md", "a.html"])
def test_the_annex_is_a_file_of_the_same_bytes_each_time(session, made, tmp_path, name):
    ana = trained(session(), made)
    ana = replace(ana, actor=replace(ana.actor, source="terminal"))
    perform(ana, "impact", "annex", NAME, "--out", str(tmp_path / name))
    perform(ana, "impact", "annex", NAME, "--out", str(tmp_path / f"b{name}"))
    text = (tmp_path / name).read_bytes()
    assert text == (tmp_path / f"b{name}").read_bytes()
    assert (b"<!DOCTYPE html>" in text) == name.endswith("html")
    assert b"unknown" in text


@pytest.mark.parametrize("text", ["<script>x</script>", "# h", "a\n## b", "<!-- c -->", "| a | b |", "**"])
def test_what_people_write_is_no_mark_of_the_document(session, made, project, text):
    write(project, json.dumps({"use": text, "limits": [text], "ethics": [{"risk": text}], "annex": {"7": text}}))
    ana = trained(session(), made)
    view = perform(ana, "impact", "annex", NAME)
    page, lines = as_html(view, zone=UTC), as_markdown(view, zone=UTC)
    assert "<script" not in page
    headings = [line for line in lines.splitlines() if line.startswith(("# ", "## ", "### "))]
    assert len(headings) == 1 + 1 + 9, headings


def test_each_category_of_nist_has_its_evidence_or_is_unknown(session, made, project):
    write(project, "answers: {consultation1: {is: no}}\n")
    rows = {row["category"]: row for row in perform(trained(session(), made), "impact", "nist", NAME)
            .table("categories").rows}
    assert len(rows) == 19
    assert rows["MAP 2"]["evidence"].startswith("logistic: LogisticRegression")
    assert (rows["GOVERN 5"]["status"], rows["GOVERN 5"]["evidence"]) == (Status.UNKNOWN, None), "nobody was heard"
