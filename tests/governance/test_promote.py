"""Promotion: nothing passes a shut gate, votes are for one plan, and the registry follows the history."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mlops_tui.folds import approvals, model_state
from mlops_tui.render.json import canonical
from mlops_tui.view import Status
from store.facts import IncidentEvent, Promotion
from store.tracking import Input, Record
from tests.doing import do

SUBJECT = "flights-delay@1"


def champion(session):
    return model_state(session.ledger.entries(), "flights-delay").champion


def gate(outcome):
    return {row["item"]: row["status"].value for row in outcome.view.table("gate").rows}


def quorum(project, number):
    path = project / "mlops.yaml"
    path.write_text(path.read_text() + f"approvals: {{quorum: {number}}}\n")


# -- the gate -----------------------------------------------------------------------------------------------------


def test_an_unknown_gate_is_shut_and_nobody_is_asked(person, made):
    ana = person("ana")
    ana.ledger.append(made.trained())
    outcome = do(ana, "promote flights-delay")
    assert (outcome.view.status, outcome.exit, outcome.plan) == (Status.UNKNOWN, 1, None)
    assert gate(outcome) == {
        "drift-ok": "unknown", "limits-reviewed": "unknown", "criterion roc_auc": "pass", "beats_baseline": "pass",
        "no_worse_than_champion": "pass", "calibrated": "pass"}
    assert approvals(ana.ledger.entries(), ana.now()) == {}


@pytest.mark.parametrize(("made_so", "item"), [
    ({"auc": 0.65}, "criterion roc_auc"), ({"verdict": "equivalent"}, "beats_baseline"), ({"ece": 0.2}, "calibrated")])
def test_a_red_item_shuts_it(ready, made, made_so, item):
    ready.ledger.append(made.trained("2", **made_so))
    outcome = do(ready, "promote flights-delay@2")
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert gate(outcome)[item] == "fail"
    assert next(iter(gate(outcome))) == item, "what stands in the way comes first"


def test_a_finding_that_fails_later_shuts_it_again(ready, made):
    assert do(ready, f"promote {SUBJECT}").exit == 2
    ready.ledger.append(made.finding("fail"))
    assert do(ready, f"promote {SUBJECT}").exit == 1


def test_a_plan_is_shown_first_and_is_the_same_every_time(ready, clock):
    first = do(ready, f"promote {SUBJECT}")
    assert (first.view.status, first.exit) == (Status.CONFIRM, 2)
    facts = first.view.facts()
    assert (facts["from"], facts["to"], facts["votes_needed"]) == (None, "1", 2)
    clock.advance(clock.moment.replace(hour=23))
    again = do(ready, f"promote {SUBJECT}")
    assert again.plan == first.plan, "no time of day is in it"
    assert champion(ready) == ""


def test_an_open_incident_warns_the_voters(ready):
    ready.ledger.append(IncidentEvent(subject="INC-1", event="opened", title="late labels", about="flights-delay"))
    outcome = do(ready, f"promote {SUBJECT}")
    assert outcome.exit == 2
    assert gate(outcome)["incident INC-1"] == "warn"


# -- what is kept of a gate that said no ----------------------------------------------------------------------------


def verdicts(session):
    return [entry for entry in session.ledger.entries("finding") if entry.fact.check == "gate"]


def test_who_asks_for_it_and_is_refused_leaves_the_verdict_with_every_item(ready, made):
    ready.ledger.append(made.trained("2", auc=0.65))
    said = do(ready, "promote flights-delay@2").view
    [entry] = verdicts(ready)
    fact = entry.fact
    assert (fact.subject, fact.version, fact.status) == ("flights-delay", "2", "fail")
    assert fact.title == "flights-delay@2 may not serve: criterion roc_auc fails, limits-reviewed is unknown"
    assert {item["item"]: item["status"] for item in fact.detail["items"]} == {
        row["item"]: row["status"].value for row in said.table("gate").rows}
    [kept] = [each.fact for each in ready.ledger.entries("command", subject="promote")]
    assert (kept.phase, kept.status, kept.argv) == ("outcome", "fail", ("promote", "flights-delay@2"))


def test_asking_is_what_leaves_it_not_looking(ready, made, session, person):
    ready.ledger.append(made.trained("2", auc=0.65))
    before = ready.ledger.head_seq()
    assert do(ready, "promote flights-delay@2", dry_run=True).exit == 1
    assert do(session("ana", read_only=True), "promote flights-delay@2").exit == 4
    assert do(ready, "promote --history flights-delay").exit == 0
    assert ready.ledger.head_seq() == before
    assert do(person("vera"), "promote flights-delay@2").exit == 4
    assert verdicts(ready) == [], "a refused person has not been answered by the gate"


def test_a_gate_that_opens_leaves_no_verdict(ready):
    do(ready, f"promote {SUBJECT}", yes=True)
    assert verdicts(ready) == []


def test_the_history_says_why_it_was_refused_and_as_of_when(ready, made, person, clock):
    ready.ledger.append(made.trained("2", auc=0.65))
    do(ready, "promote flights-delay@2")
    then = clock.moment
    clock.advance(then + timedelta(hours=1))
    do(ready, f"promote {SUBJECT}", yes=True)
    for voter in ("bo", "cy"):
        assert do(person(voter), "approve AP-1", reason="fine").exit == 0
    vera = person("vera")
    view = do(vera, "promote --history flights-delay").view
    assert (view.facts()["promoted"], view.facts()["refused"]) == (1, 1)
    assert [(row["version"], row["came_of_it"]) for row in view.table("asked").rows] == [
        ("1", "promoted"), ("1", "AP-1 votes were asked for"), ("2", "gate: fail")]
    assert "criterion roc_auc fails" in view.table("asked").rows[-1]["why"]
    assert view.table("gate").rows[0]["item"] == "criterion roc_auc"
    vera.as_of, vera.ledger = then, vera.ledger.closed(until=then)
    assert do(vera, "promote --history flights-delay").view.facts()["promoted"] == 0
    said = do(vera, "promote --history flights-delay@1").view.title
    assert said == "Nobody has asked for flights-delay@1 to serve yet"


def test_history_and_rollback_do_not_go_together(ready):
    assert do(ready, "promote --history --rollback flights-delay").exit == 2


# -- the deed -----------------------------------------------------------------------------------------------------


def test_without_votes_to_gather_consent_is_enough(ready, project, registry, person):
    quorum(project, 0)
    ana = person("ana")
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, outcome.exit) == (Status.DONE, 0)
    assert champion(ana) == "1"
    assert registry.aliases == {"champion": "1"}
    [entry] = ana.ledger.entries("promotion")
    assert (entry.fact.previous, entry.fact.approval) == ("", "")
    assert b"limits-reviewed" in ana.data().object(entry.fact.evidence), "the gate as it was is kept"


def test_with_votes_to_gather_it_asks_once(ready):
    outcome = do(ready, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, outcome.view.facts()["approval"]) == (Status.RUNNING, "AP-1")
    assert "0 of 2 votes" in outcome.view.title
    assert champion(ready) == ""
    assert do(ready, f"promote {SUBJECT}", yes=True).view.facts()["approval"] == "AP-1"
    assert len(approvals(ready.ledger.entries(), ready.now())) == 1


def test_another_plan_asks_anew_and_voids_the_old_one(ready, made):
    do(ready, f"promote {SUBJECT}", yes=True)
    ready.ledger.append(made.finding("warn"))
    assert do(ready, f"promote {SUBJECT}", yes=True).view.facts()["approval"] == "AP-2"
    states = {each.id: each.state for each in approvals(ready.ledger.entries(), ready.now()).values()}
    assert states == {"AP-1": "void", "AP-2": "open"}


def test_a_registry_that_is_away_does_not_undo_the_promotion(ready, project, registry, person):
    quorum(project, 0)
    registry.away = True
    ana = person("ana")
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, outcome.view.facts()["alias_set"]) == (Status.WARN, False)
    assert champion(ana) == "1"
    registry.away = False
    again = do(ana, f"promote {SUBJECT}", yes=True)
    assert (again.view.status, registry.aliases, registry.moves) == (Status.DONE, {"champion": "1"}, 1)
    assert len(ana.ledger.entries("promotion")) == 1, "a rerun repairs and repeats nothing"
    assert do(ana, f"promote {SUBJECT}", yes=True).exit == 0
    assert registry.moves == 1


def test_a_promotion_that_comes_between_is_noticed(ready, project, person, monkeypatch):
    quorum(project, 0)
    ana = person("ana")
    plan = do(ana, f"promote {SUBJECT}").plan
    ana.ledger.append(Promotion(subject="flights-delay", version="9", previous="", approval="", evidence=""))
    outcome = do(ana, f"promote {SUBJECT}", consent=plan)
    assert outcome.exit == 1, "the champion changed, so the gate is another one"
    assert champion(ana) == "9"


@pytest.mark.parametrize(("who", "line", "exit"), [
    ("vera", "promote flights-delay@1", 4), ("dee", "promote flights-delay@1", 4),
    ("ana", "promote flights-delay@7", 2), ("ana", "promote flihgts-delay", 2),
    ("ana", "promote --rollback flights-delay", 2)])
def test_what_may_not_or_cannot_be(ready, person, who, line, exit):
    assert do(person(who), line).exit == exit
    assert champion(ready) == ""


# -- and back -----------------------------------------------------------------------------------------------------


def test_going_back_is_one_step_and_never_swings(ready, made, registry):
    for version in ("1", "2", "3"):
        ready.ledger.append(made.trained(version), Promotion(subject="flights-delay", version=version, previous="",
                                                             approval="", evidence=""))
    plan = do(ready, "promote --rollback flights-delay")
    assert (plan.view.status, plan.view.facts()["to"]) == (Status.CONFIRM, "2")
    for expected in ("2", "1"):
        assert do(ready, "promote --rollback flights-delay", yes=True).exit == 0
        assert (champion(ready), registry.aliases["champion"]) == (expected, expected)
    assert do(ready, "promote --rollback flights-delay").error["code"] == "not_found"


# -- measured evidence, from the lake -------------------------------------------------------------------------------


def scored(session, seed, skill, rows=4000):
    """Test scores of a version, kept as training keeps them: key, time, label, one column a candidate."""
    draw = np.random.default_rng(seed)
    label = np.arange(rows) % 4 == 0
    score = np.clip(0.25 + skill * (label - 0.25) + draw.normal(0, 0.1, rows), 0, 1)
    lake = session.data()
    connection = lake.connect()
    connection.register("scores", {"id": np.arange(rows), "late": label.astype(np.int8), "logistic": score})
    query = "SELECT *, TIMESTAMPTZ '2013-05-01' AS sched_dep FROM scores"
    return lake.write("flights-delay.scores", query, sort=("id",), connection=connection).id


def with_scores(made, version, scores):
    fact = made.trained(version, scores=scores)
    return made.trained(version, scores=scores, metrics={"roc_auc": fact.metrics["roc_auc"]})


@pytest.mark.parametrize(("skill", "status"), [(0.20, "pass"), (0.12, "pass"), (0.05, "fail")])
def test_the_lead_on_the_champion_is_measured_on_rows_both_have_scored(ready, made, skill, status):
    ready.ledger.append(with_scores(made, "1", scored(ready, 1, 0.12)),
                        Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""),
                        with_scores(made, "2", scored(ready, 1 if skill == 0.12 else 2, skill)))
    outcome = do(ready, "promote flights-delay@2")
    [row] = [row for row in outcome.view.table("gate").rows if row["item"] == "no_worse_than_champion"]
    assert row["status"].value == status, row
    assert "n = 4,000" in row["detail"]


def test_the_prediction_log_counts_where_the_champion_had_not_seen_the_rows(ready, made):
    mine = scored(ready, 2, 0.2)
    lake = ready.data()
    rows = lake.scan(lake.manifest("flights-delay.scores", mine))
    log = lake.write("flights-delay.predictions",
                     f"SELECT id, sched_dep, '1' AS version, logistic - 0.01 AS score, '2013-05-01' AS day FROM {rows}",
                     sort=("id",), partition_by=("day",))
    ready.commit(log)
    ready.ledger.append(
        made.trained("1", detail={"trained_to": "2013-04-01T00:00:00+00:00"}),
        Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""),
        with_scores(made, "2", mine))
    statuses = gate(do(ready, "promote flights-delay@2"))
    assert statuses["no_worse_than_champion"] == "pass"
    ready.ledger.append(made.trained("1", detail={"trained_to": "2013-06-01T00:00:00+00:00"}))
    statuses = gate(do(ready, "promote flights-delay@2"))
    assert statuses["no_worse_than_champion"] == "unknown", "it was trained on those rows"


def beside(session, made, trained_to, answered_by=""):
    """The gate item of version 2 beside champion 1, which was fitted up to that time; its way out."""
    mine = scored(session, 2, 0.2)
    lake = session.data()
    if answered_by:
        rows = lake.scan(lake.manifest("flights-delay.scores", mine))
        session.commit(lake.write("flights-delay.predictions", f"SELECT id, sched_dep, '{answered_by}' AS version, "
                                  f"logistic AS score, '2013-04-30' AS day FROM {rows}", sort=("id",),
                                  partition_by=("day",)))
    session.ledger.append(made.trained("1", detail={"trained_to": trained_to}),
                          Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""),
                          with_scores(made, "2", mine))
    view = do(session, "promote flights-delay@2").view
    [row] = [row for row in view.table("gate").rows if row["item"] == "no_worse_than_champion"]
    [way] = [action.argv for action in view.actions if action.argv[0] in ("score", "train")]
    return row, way


@pytest.mark.parametrize(("trained_to", "answered_by", "said", "way"), [
    ("2013-04-01T00:00:00+00:00", "", "its test days that nobody answered yet, 2013-04-30",
     ("score", "flights-delay", "--day", "2013-04-30")),
    ("2013-06-01T00:00:00+00:00", "", "fitted on rows up to 2013-06-01", ("train", "flights-delay")),
    ("2013-04-01T00:00:00+00:00", "7", "other versions answered on its test days", ("train", "flights-delay"))])
def test_two_that_share_no_rows_say_what_makes_them_comparable(ready, made, trained_to, answered_by, said, way):
    row, found = beside(ready, made, trained_to, answered_by)
    assert row["status"] is Status.UNKNOWN
    assert said in row["detail"]
    assert found == way
    compared = do(ready, "compare flights-delay@2").error
    assert compared is not None
    assert compared["next"].endswith(f"mlops-tui {' '.join(way)}")


@pytest.mark.parametrize(("shift", "status"), [(0.0, "pass"), (0.3, "fail")])
def test_calibration_is_measured_on_the_test_scores(ready, made, shift, status):
    lake = ready.data()
    query = (f"SELECT i AS id, TIMESTAMPTZ '2013-05-01' AS sched_dep, CAST(i % 4 = 0 AS TINYINT) AS late, "
             f"0.25 + {shift} AS logistic FROM range(4000) t(i)")
    kept = lake.write("flights-delay.scores", query, sort=("id",))
    ready.ledger.append(with_scores(made, "2", kept.id))
    assert gate(do(ready, "promote flights-delay@2"))["calibrated"] == status


def test_scores_that_were_not_kept_are_unknown(ready, made):
    ready.ledger.append(with_scores(made, "2", ""))
    assert gate(do(ready, "promote flights-delay@2"))["calibrated"] == "unknown"


# -- what it stands beside ------------------------------------------------------------------------------------------


def with_places(session, made, version, skill, seed=1):
    """A version whose training rows say where each test row is, with its scores."""
    lake = session.data()
    mine = lake.manifest("flights-delay.scores", scored(session, seed, skill))
    rows = f"SELECT id, sched_dep, late, 'place ' || (id % 3) AS place, 'p' || id AS name FROM {lake.scan(mine)}"
    training = lake.write("flights-delay.training", rows, sort=("id",))
    inputs = [{"name": name, "type": "string", "required": True} for name in ("place", "name")]
    fact = with_scores(made, version, mine.id)
    return replace(fact, training=training.id, detail={**fact.detail, "inputs": inputs})


def test_the_champion_stands_beside_it_on_the_same_rows_and_in_each_segment(ready, made, clock):
    ready.ledger.append(with_places(ready, made, "1", 0.2), promoted("1"), with_places(ready, made, "2", 0.12))
    first = do(ready, "promote flights-delay@2")
    rows = first.view.table("beside").rows
    assert [row["of"] for row in rows] == ["champion 1", "version 2", "lead"]
    assert rows[2]["value"] == pytest.approx(rows[1]["value"] - rows[0]["value"])
    assert rows[2]["high"] < 0
    found = first.view.table("segments")
    assert [row["value"] for row in found.rows] == sorted(row["value"] for row in found.rows) or len(found.rows) == 3
    assert {row["stands"] for row in found.rows} == {"worse"}
    assert {row["column"] for row in found.rows} == {"place"}, "a feature with a value a row is no segment"
    assert {row["of"] for row in first.view.table("lineage").rows} >= {"training rows", "declaration", "artefact"}
    clock.advance(clock.moment + timedelta(hours=5))
    again = do(ready, "promote flights-delay@2")
    assert canonical(again.view)["tables"] == canonical(first.view)["tables"]
    assert canonical(again.view)["facts"] == canonical(first.view)["facts"], "nothing in it moves with the clock"


def test_a_classified_column_is_no_segment_through_any_door(ready, made, project):
    path = project / "datasets" / "flights.yaml"
    path.write_text(path.read_text().replace(
        "- {name: day,", "- {name: place, logicalType: string, classification: restricted}\n      - {name: day,"))
    ready.ledger.append(with_places(ready, made, "1", 0.2), promoted("1"), with_places(ready, made, "2", 0.12))
    view = do(ready, "promote flights-delay@2").view
    assert "place 0" not in str(canonical(view))
    assert any("by place are left out: classified" in getattr(part, "body", "") for part in view.parts)


def test_drift_says_since_when_and_another_finding_alike_changes_nothing(ready, made, clock):
    def drift():
        return do(ready, f"promote {SUBJECT}", dry_run=True).view.facts()["drift"]

    assert drift().startswith("pass since entry ")
    before = drift()
    clock.advance(clock.moment + timedelta(days=1))
    ready.ledger.append(made.finding())
    assert drift() == before
    ready.ledger.append(made.finding("warn"))
    assert drift().startswith("warn since entry ")
    clock.advance(clock.moment + timedelta(days=8))
    assert drift().startswith("not looked at for 7 days")


def test_the_digest_of_the_evidence_is_in_the_history_and_beside_the_votes(ready, person):
    do(ready, f"promote {SUBJECT}", yes=True)
    shown = do(ready, "approve show AP-1").view
    evidence = shown.facts()["evidence"]
    assert b"limits-reviewed" in ready.data().object(evidence)
    assert shown.table("lineage").rows
    for voter in ("bo", "cy"):
        assert do(person(voter), "approve AP-1", reason="fine").exit == 0
    [row] = [row for row in do(ready, "promote --history flights-delay").view.table("asked").rows
             if row["came_of_it"] == "promoted"]
    assert len(row["evidence"]) == 64
    assert row["evidence"] == do(ready, "approve show AP-1").view.facts()["evidence"]


def promoted(version):
    return Promotion(subject="flights-delay", version=version, previous="", approval="", evidence="")


# -- the registry itself --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_alias_in_mlflow_follows(ready, project, session):
    from sklearn.linear_model import LogisticRegression

    quorum(project, 0)
    ana = session("ana")
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    made_version = ana.tracking().log_version("flights-delay", fitted, Record((Input("x", "double"),)))
    assert made_version.version == 1
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert outcome.view.facts()["alias_set"] is True
    assert ana.tracking().aliases("flights-delay") == {"champion": 1}
