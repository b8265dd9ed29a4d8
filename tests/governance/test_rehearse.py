"""The way back, rehearsed: a version is loaded anew and must give stored rows the answers that were recorded."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui.assurance.rehearsed import rehearsed
from mlops_tui.assurance.requirement import Case
from mlops_tui.errors import Refusal, Unreadable
from mlops_tui.project import Project
from mlops_tui.view import Status
from store.facts import Promotion
from tests.doing import do

ROWS = 500


class Shelf:
    """A registry with one version on it, read as the real one is, without MLflow's two seconds."""

    def __init__(self, fitted):
        self.fitted, self.problem, self.loads = fitted, None, 0

    def alias(self, *_):
        """Nobody asks where it points."""

    def load_prepared(self, model, version, *, digest=""):
        self.loads += 1
        if self.problem is not None:
            raise self.problem
        return self.fitted, ""


class Moody:
    """Answers otherwise each time."""

    def __init__(self):
        self.times = 0

    def predict_proba(self, rows):
        self.times += 1
        return np.full((len(rows), 2), 0.1 * self.times)


@pytest.fixture
def kept(session, made):
    """Ana's session where version 1 serves; its test rows are kept with its answers."""
    ana = session("ana")
    draw = np.random.default_rng(3)
    x, z = draw.normal(size=ROWS), draw.normal(size=ROWS)
    late = (x + draw.normal(size=ROWS) > 1).astype(np.int8)
    rows = pd.DataFrame({"x": x, "z": z})
    fitted = LogisticRegression().fit(rows, late)
    answers = fitted.predict_proba(rows)[:, 1]
    lake, written = ana.data(), {}
    for name, query in (("training", "id, sched_dep, x, z, late"), ("scores", "id, sched_dep, late, logistic")):
        connection = lake.connect()
        connection.register("made", {"id": np.arange(ROWS), "x": x, "z": z, "late": late, "logistic": answers})
        written[name] = lake.write(f"flights-delay.{name}", f"SELECT {query} FROM (SELECT *, TIMESTAMPTZ '2013-05-01' "
                                   "AS sched_dep FROM made)", sort=("id",), connection=connection).id
    fact = made.trained("1", training=written["training"], scores=written["scores"])
    inputs = [{"name": name, "type": "double", "required": True} for name in ("x", "z")]
    ana.ledger.append(replace(fact, detail={**fact.detail, "inputs": inputs}),
                      Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""))
    shelf = Shelf(fitted)
    ana.open_tracking = lambda: shelf
    return ana, shelf


def newest(session):
    return [entry.fact for entry in session.ledger.entries("finding")][-1]


def test_a_version_that_answers_as_recorded_passes_and_the_history_keeps_which_rows(kept):
    ana, shelf = kept
    outcome = do(ana, "rehearse flights-delay")
    assert (outcome.view.status, outcome.view.facts()["rows"], shelf.loads) == (Status.PASS, 32, 2)
    fact = newest(ana)
    assert (fact.check, fact.version, fact.status, fact.n, fact.value) == ("rehearsed", "1", "pass", 32, 0.0)
    assert len(fact.data) == 2


@pytest.mark.parametrize(("problem", "status", "words"), [
    (Unreadable("The files are not the ones that were registered."), "fail", "are not the ones that were registered"),
    (Refusal("The MLflow server does not answer."), "unknown", "could not be asked"),
    (ValueError("no such column"), "fail", "does not answer: ValueError: no such column")])
def test_what_cannot_be_loaded_is_no_way_back_and_what_is_away_is_not_known(kept, problem, status, words):
    ana, shelf = kept
    shelf.problem = problem
    assert words in do(ana, "rehearse flights-delay").view.title
    assert newest(ana).status == status


def test_another_model_under_its_name_is_noticed(kept):
    ana, shelf = kept
    shelf.fitted.coef_ = shelf.fitted.coef_ + 1e-6
    assert "otherwise than recorded, by up to" in do(ana, "rehearse flights-delay").view.title
    assert newest(ana).status == "fail"


def test_one_that_answers_otherwise_each_time_is_noticed(kept):
    ana, shelf = kept
    shelf.fitted = Moody()
    assert "otherwise when it is asked twice" in do(ana, "rehearse flights-delay").view.title


def test_without_rows_nothing_is_known(session, made, person):
    ana = person("ana")
    ana.ledger.append(made.trained("1"), Promotion(subject="flights-delay", version="1", previous="", approval="",
                                                   evidence=""))
    assert do(ana, "rehearse flights-delay").view.status is Status.UNKNOWN
    assert do(ana, "rehearse flights-delay@7").exit == 2


def test_a_promotion_is_refused_where_there_is_no_way_back(kept, made, project):
    ana, shelf = kept
    path = project / "models" / "flights-delay.yaml"
    path.write_text(path.read_text().replace("no_worse_than_champion, calibrated, checklist", "calibrated"))
    (project / "mlops.yaml").write_text((project / "mlops.yaml").read_text() + "approvals: {quorum: 0}\n")
    ana.project = Project(project)
    ana.ledger.append(made.trained("2"))
    shelf.problem = Unreadable("The files are not the ones that were registered.")
    outcome = do(ana, "promote flights-delay@2", yes=True)
    assert outcome.error["what"].startswith("There is no way back: flights-delay@1 does not answer")
    assert [entry.fact.version for entry in ana.ledger.entries("promotion")] == ["1"]
    shelf.problem = None
    assert do(ana, "promote flights-delay@2", yes=True).view.status is Status.DONE


# -- the rule of the gate -------------------------------------------------------------------------------------------


def asked(made, history, champion="1"):
    model = Project(made.root).model("flights-delay")
    prints = {"model flights-delay": Project(made.root).fingerprint("model", "flights-delay")}
    return Case("flights-delay", "2", model, champion, None, prints, history.now)


@pytest.mark.parametrize(("findings", "status"), [
    ([], Status.UNKNOWN), ([("1", "pass")], Status.PASS), ([("2", "pass")], Status.UNKNOWN),
    ([("1", "pass"), ("1", "fail")], Status.FAIL), ([("1", "unknown")], Status.UNKNOWN)])
def test_the_gate_reads_the_newest_rehearsal_of_the_champion(made, history, findings, status):
    for version, said in findings:
        history.add(made.finding(said, "rehearsed", version=version,
                                 declaration=Project(made.root).fingerprint("model", "flights-delay")))
    [found] = rehearsed(asked(made, history), history.entries)
    assert (found.id, found.status) == ("rehearsed", status)
    assert found.next == (() if status is Status.PASS else ("rehearse", "flights-delay"))


def test_the_first_to_serve_needs_no_way_back(made, history):
    [found] = rehearsed(asked(made, history, ""), history.entries)
    assert (found.status, found.detail) == (Status.PASS, "it is the first to serve: there is nothing to go back to")
