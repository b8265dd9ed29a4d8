"""Tuning of a declared candidate and of a file: nested scores, resumed after a kill, adopted as text, refused."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.svm import SVC

from mlops_tui.commands import Outcome, perform
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import Unreadable
from mlops_tui.folds import proposals
from mlops_tui.modeling._modelfile import with_params
from mlops_tui.session import Session, without_project
from mlops_tui.transforms.frozen import canonical
from mlops_tui.view import Series, Status, Text
from store.facts import Tuned
from tests.modeling.test_train import FILES, entered, opened

__all__ = ["opened"]  # a fixture
TUNED = FILES["models/delay.yaml"].replace("params: {C: 0.5}", "params: {C: 0.5}, search: {C: [0.01, 0.5, 5]}").replace(
    "params: {max_iter: 40}",
    "params: {max_iter: 15, max_depth: 1}, search: {max_depth: {low: 2, high: 6, int: true}}")
SLOW = """
import time
from sklearn.linear_model import LogisticRegression

class Slow(LogisticRegression):
    def fit(self, *given):
        time.sleep(0.1)
        return super().fit(*given)

def boosted(params):
    return Slow(C=params["max_depth"])
"""
SMALL = ("--folds", "3", "--inner", "2", "--processes", "1")


@pytest.fixture(scope="session")
def first(opened: Callable[..., Session]) -> tuple[Session, Outcome]:
    """A project whose linear candidate was tuned, and what was said; for tests that only read."""
    session = opened(**{"models/delay.yaml": TUNED})
    return session, tuned(session, "--candidate", "linear", *SMALL)


@pytest.fixture
def copied(first: tuple[Session, Outcome], tmp_path: Path) -> Session:
    shutil.copytree(first[0].declared().root, tmp_path / "copy")
    return entered(tmp_path / "copy")


def tuned(session: Session, *more: str) -> Outcome:
    outcome = session.perform(("tune", "delay", *more))
    assert outcome.error is None, outcome.error
    return outcome


def facts(session: Session) -> list[Tuned]:
    return [entry.fact for entry in session.ledger.entries("tuned") if isinstance(entry.fact, Tuned)]


def scores(outcome: Outcome) -> dict[str, Any]:
    return {str(row["score"]): row for row in outcome.view.table("scores").rows}


# -- a declared model -----------------------------------------------------------------------------------------------


def test_nested_and_non_nested_scores_stand_beside_each_other(first: tuple[Session, Outcome]) -> None:
    session, outcome = first
    said, rows = outcome.view.facts(), scores(outcome)
    assert outcome.view.status is Status.DONE
    assert rows["nested"]["low"] < rows["nested"]["value"] < rows["nested"]["high"]
    assert rows["optimism"]["value"] == pytest.approx(rows["non_nested"]["value"] - rows["nested"]["value"])
    assert rows["gain"]["value"] == pytest.approx(rows["nested"]["value"] - rows["declared"]["value"])
    assert said["permuted_labels"] == "at chance, as they must be (at 0.001)"
    assert said["fits"] == 3 * 3 * (1 + 2) + 5 * 3
    [fact] = facts(session)
    assert (fact.candidate, fact.metric, len(fact.detail["points"])) == ("linear", "roc_auc", 3)
    curves = [part for part in outcome.view.parts if isinstance(part, Series) and part.kind == "band"]
    assert [part.id for part in curves] == ["learning_curve"]
    assert list(curves[0].x) == sorted(curves[0].x)


def test_the_rows_that_train_tests_on_are_not_looked_at(first: tuple[Session, Outcome]) -> None:
    session, outcome = first
    session.perform(("train", "delay", "--candidate", "linear"))
    [trained] = [entry.fact for entry in session.ledger.entries("trained")]
    assert outcome.view.facts()["rows"] == trained.detail["train_rows"]  # type: ignore[attr-defined]


def test_the_same_again_is_told_from_the_history(copied: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.modeling.tune.Child", None)  # nothing may be started
    again = tuned(copied, "--candidate", "linear", *SMALL)
    assert len(facts(copied)) == 1
    assert "fitted_now" not in again.view.facts()


def test_the_plan_says_what_it_would_cost_and_records_nothing(copied: Session) -> None:
    before = len(facts(copied))
    said = tuned(copied, "--candidate", "boosted", "--points", "3", *SMALL, "--plan").view.facts()
    assert (said["points"], said["fits"]) == (4, 4 * 3 * 3 + 5 * 3)  # three are drawn, and the declared one
    assert float(str(said["cpu_seconds"])) > 0
    assert len(facts(copied)) == before


def test_a_better_choice_is_proposed_the_newest_stands_and_adopting_it_writes_the_parameters(copied: Session) -> None:
    for points in ("2", "3"):  # depth 1 cannot say that the wind matters for one carrier and not for another
        outcome = tuned(copied, "--candidate", "boosted", "--points", points, *SMALL)
    number = str(outcome.view.facts()["proposal"])
    known = [each for each in proposals(copied.ledger.entries("proposal")).values()
             if each.origin == "tune delay boosted"]
    assert [(each.state, each.id == number) for each in known] == [("declined", False), ("open", True)]
    assert copied.perform(("adopt", number), consent=copied.perform(("adopt", number)).plan).exit == 0
    chosen = outcome.view.table("parameters").rows[0]["chosen"]
    declared = copied.declared().model("delay")
    assert str(declared.candidates["boosted"].params["max_depth"]) == chosen != "1"
    assert declared.candidates["linear"].params == {"C": 0.5}
    again = tuned(copied, "--candidate", "linear", *SMALL)  # what is declared beside it changes nothing
    assert "fitted_now" not in again.view.facts()


def test_what_is_not_surely_better_is_put_forward_where_somebody_asks(copied: Session) -> None:
    """The linear candidate: nested cross-validation cannot tell its points apart from what is declared."""
    outcome = tuned(copied, "--candidate", "linear", *SMALL)
    [fact] = facts(copied)
    gain = scores(outcome)["gain"]
    assert gain["low"] < 0 < gain["high"]
    assert fact.params != {"C": 0.5}, "another point scored best"
    assert "proposal" not in outcome.view.facts()
    said = "\n".join(part.body for part in outcome.view.parts if isinstance(part, Text))
    assert f"not surely better than declared [{gain['low']:+.4f}, {gain['high']:+.4f}]; --propose" in said
    number = str(tuned(copied, "--candidate", "linear", *SMALL, "--propose").view.facts()["proposal"])
    assert tuned(copied, "--candidate", "linear", *SMALL).view.facts()["proposal"] == number, "it waits"
    assert tuned(copied, "--candidate", "linear", *SMALL, "--propose").view.facts()["proposal"] == number
    assert f"C: {fact.params['C']}" in proposals(copied.ledger.entries("proposal"))[number].content


def test_the_scores_are_drawn_beside_each_other(first: tuple[Session, Outcome]) -> None:
    rows = scores(first[1])
    [picture] = [part for part in first[1].view.parts if isinstance(part, Series) and part.kind == "interval"]
    assert (picture.id, picture.x) == ("scores", ("to expect", "search's own best", "as declared"))
    assert picture.y == tuple(rows[name]["value"] for name in ("nested", "non_nested", "declared"))
    assert (picture.low[0], picture.low[1]) == (rows["nested"]["low"], None)


def test_a_candidate_that_stops_early_is_tuned_to_the_end_and_that_is_said(opened: Callable[..., Session]) -> None:
    stops = TUNED.replace("int: true}}", "int: true}}, stopping: {validation: 6d, patience: 3}")
    outcome = tuned(opened(**{"models/delay.yaml": stops}), "--candidate", "boosted", "--points", "2", *SMALL)
    assert "boosted stops early (`stopping:`) when it is trained; here every point is fitted to its end." in \
        "\n".join(part.body for part in outcome.view.parts if isinstance(part, Text))


def test_killed_in_the_middle_it_goes_on_where_it_was(opened: Callable[..., Session], tmp_path: Path) -> None:
    """kill -9 after the first outer fold: no process stays, the next run fits what is missing, with the same result."""
    root = opened(**{"models/delay.yaml": TUNED, "models.py": SLOW}).declared().root
    shutil.copytree(root, tmp_path / "whole")
    words = ("tune", "delay", "--candidate", "boosted", "--points", "3", *SMALL[:4], "--processes", "2")
    process = subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", *words, "--project", str(root)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    keep = root / ".mlops" / "tune"
    until = time.monotonic() + 120
    while not list(keep.glob("*/fold-0.json")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert len(family) >= 3  # the child and its two workers
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    kept = len(list(keep.glob("*/fold-*.json")))
    session, whole = entered(root), entered(tmp_path / "whole")
    alone = (*words[2:-1], "1")  # what one process finds is what two would
    resumed, uninterrupted = tuned(session, *alone), tuned(whole, *alone)
    points = 4
    assert uninterrupted.view.facts()["fitted_now"] == points * 3 * 3 + 5 * 3
    assert resumed.view.facts()["fitted_now"] == points * 3 * (3 - kept) + 5 * 3
    [one], [other] = facts(session), facts(whole)
    assert canonical(one.detail) == canonical(other.detail)
    assert (one.key, one.params) == (other.key, other.params)
    assert not list(keep.glob("*/fold-*.json"))


def test_what_a_tuning_says_wrong_is_refused(copied: Session) -> None:
    def said(*words: str) -> tuple[str, str]:
        outcome = copied.perform(("tune", *words))
        assert outcome.exit == 2, outcome.view
        assert outcome.error is not None
        return outcome.error["what"], outcome.error["next"]

    assert said("delay") == ("Several candidates have a search: linear, boosted.",
                             "Try: mlops-tui tune delay --candidate linear")
    assert said("delay", "--candidate", "lineal")[1] == "Did you mean 'linear'?"
    assert said("delay", "--candidate", "linear", "--metric", "roc")[1] == "Did you mean 'roc_auc'?"
    assert "The seed of delay is declared: 7" in said("delay", "--candidate", "linear", "--seed", "1")[0]
    assert "is not a duration" in said("delay", "--candidate", "linear", "--budget", "lots")[0]
    assert said("delay", "--candidate", "linear", "--backend", "ray")[1] == "pip install 'mlops-tui[ray]'"
    assert "A file needs --features" in said("delay", "--label", "late")[0]
    assert "4 rows cannot be split into 7 folds" in said("delay", "--candidate", "linear", "--rows", "25",
                                                         "--inner", "7")[0]


def test_more_than_the_budget_is_refused_before_it_starts(copied: Session) -> None:
    small = ("tune", "delay", "--candidate", "linear", "--folds", "2", "--inner", "2", "--processes", "1")
    for option, value, what in (("--most-fits", "10", r"That would be 28 fits, and at most 10 are allowed\."),
                                ("--budget", "0s", r"28 fits would take about \d+ s of CPU, and 0 s is allowed\.")):
        outcome = copied.perform((*small, option, value))
        assert outcome.error is not None
        assert (outcome.exit, outcome.error["where"]) == (2, option)
        assert re.fullmatch(what, outcome.error["what"])
    assert not list((copied.declared().root / ".mlops" / "tune").glob("*"))


# -- the declaration as text ----------------------------------------------------------------------------------------

BLOCK = """\
task: binary
label: {dataset: flights, column: late}
features: []
candidates:
  boosted:   # the usual one
    estimator: sklearn.ensemble.HistGradientBoostingClassifier
    params:
      max_iter: 100  # enough
      learning_rate: 0.1
    search:
      max_iter: [50, 100]
  plain:
    estimator: sklearn.linear_model.LogisticRegression
  stepped:
    steps:
      - estimator: sklearn.preprocessing.PolynomialFeatures
      - {estimator: sklearn.linear_model.LogisticRegression, params: {}}
# the end
split: {time: at}
"""


@pytest.mark.parametrize(("candidate", "point", "old", "new"), [
    ("boosted", {"max_iter": 50}, "max_iter: 100  # enough", "max_iter: 50  # enough"),
    ("boosted", {"max_depth": 3}, "      max_iter: 100", "      max_depth: 3\n      max_iter: 100"),
    ("plain", {"C": 1e-05}, "  plain:\n", "  plain:\n    params: {C: 1.0e-05}\n"),
    ("stepped", {"model__C": 10}, "params: {}", "params: {C: 10}"),
    ("stepped", {"step_1__degree": 3}, "- estimator: sklearn.p", "- params: {degree: 3}\n        estimator: sklearn.p"),
])
def test_parameters_are_written_and_all_else_stays(candidate: str, point: dict[str, Any], old: str, new: str) -> None:
    written = with_params(BLOCK, candidate, point, "m.yaml")
    assert written == BLOCK.replace(old, new)
    assert parse(Model, written, "m.yaml").label.column == "late"


def test_a_text_that_cannot_be_edited_is_left_to_a_person() -> None:
    shared = BLOCK.replace("  plain:\n", "  other: &same\n    estimator: sklearn.svm.SVC\n  plain: *same\n  third:\n")
    with pytest.raises(Unreadable, match="without disturbing it"):
        with_params(shared, "plain", {"C": 1}, "m.yaml")


# -- a file ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("iris") / "iris.csv"
    frame = load_iris(as_frame=True).frame
    frame.columns = ["sl", "sw", "pl", "pw", "species"]
    frame.to_csv(path, index=False)
    return path


def of_file(path: Path, *more: str, label: str = "species", features: str = "sl,sw,pl,pw",
            estimator: str = "sklearn.svm.SVC", search: str = "{C: [1, 10, 100], gamma: [0.01, 0.1]}") -> Outcome:
    return perform(without_project(path.parent, perform), [
        "tune", str(path), "--label", label, "--features", features, "--estimator", estimator, "--search", search,
        "--processes", "1", *more])


def test_a_file_gets_scikit_learns_nested_scores(iris: Path) -> None:
    outcome = of_file(iris, "--folds", "4", "--inner", "4", "--seed", "3", "--raw")
    assert outcome.error is None, outcome.error
    data, folds = load_iris(), KFold(4, shuffle=True, random_state=3)
    search = GridSearchCV(SVC(), {"C": [1, 10, 100], "gamma": [0.01, 0.1]}, cv=folds)
    found = scores(outcome)
    assert found["nested"]["value"] == pytest.approx(cross_val_score(search, data.data, data.target, cv=folds).mean())
    assert found["non_nested"]["value"] == pytest.approx(search.fit(data.data, data.target).best_score_)
    assert outcome.view.facts()["chosen"] == ", ".join(f"{name}={search.best_params_[name]}" for name in ("C", "gamma"))
    assert found["nested"]["high"] <= 1
    assert outcome.view.actions == ()


@pytest.mark.parametrize(("more", "how", "what"), [
    ((), {"features": "sl,species"}, "'species' is predicted, so it is no feature"),
    ((), {"features": "sl,ws"}, "No column 'ws'"),
    ((), {"search": "{}"}, "Nothing is declared to search"),
    ((), {"search": "{C: {low: 2, high: 1}}"}, "low lies below high"),
    (("--task", "binary"), {}, "The label 'species' is not 0 or 1"),
    (("--metric", "rmse"), {}, "No metric 'rmse' to tune a multiclass model by"),
    (("--gap", "3"), {}, "Only rows with a time have a gap"),
    (("--folds", "200"), {}, "150 rows cannot be split into 200 folds"),
])
def test_a_file_that_cannot_be_tuned_on_is_refused(iris: Path, more: tuple[str, ...], how: dict[str, str],
                                                   what: str) -> None:
    outcome = of_file(iris, "--folds", "2", "--inner", "2", *more, **how)
    assert outcome.exit == 2, outcome.view
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert outcome.error["where"] or outcome.error["next"]


