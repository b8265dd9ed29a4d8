"""What a program costs, beside its earlier runs and with more data; what the training of a version cost."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.modeling._footprints import Run, memory_of_machine, run_of, told
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.roles import ROLES, Actor
from mlops_tui.running.measuring import Measured, PhaseUse
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.facts import Finding, Trained
from tests.modeling.test_train import FILES, Opened, opened, ran, trained

__all__ = ["opened"]  # a fixture
MIB = 2**20
Ask = Callable[..., Outcome]
USED = Measured(seconds=10.0, cpu_seconds=8.0, peak_bytes=100 * MIB, memory_method="PSS",
                phases=(PhaseUse("fit", 10.0, 8.0, 100 * MIB),))


@pytest.fixture
def here(tmp_path: Path) -> Session:
    (tmp_path / "mlops.yaml").write_text("project: flights\ncompute: {machine_hour: 3.6, currency: USD}\n",
                                         encoding="utf-8")
    (tmp_path / "team.yaml").write_text(
        "people: {ana: {roles: [engineer], simulated: true}, dee: {roles: [operator], simulated: true}}\n",
        encoding="utf-8")
    return session_of(tmp_path, "ana")


def session_of(root: Path, person: str, source: str = "terminal") -> Session:
    session = open_project(root, person=person, source=source)
    session.directory = root
    return session


def findings(session: Session) -> list[Finding]:
    return [entry.fact for entry in session.ledger.entries("finding") if isinstance(entry.fact, Finding)]


def refusal(outcome: Outcome) -> str:
    assert outcome.error is not None
    return " ".join(outcome.error.values())


def test_a_program_is_measured_and_kept_as_a_finding(here: Session) -> None:
    outcome = here.perform(("footprint", "--name", "small", "--", sys.executable, "-c", "print(sum(range(10**6)))"))
    facts = outcome.view.facts()
    assert (outcome.exit, outcome.view.status, facts["exit"]) == (0, Status.DONE, 0)
    assert facts["cpu_seconds"] > 0  # type: ignore[operator]
    assert 5 * MIB < facts["peak_bytes"] < 60 * MIB  # type: ignore[operator]
    assert facts["cost"] == pytest.approx(facts["seconds"] * 0.001)  # type: ignore[operator]
    assert "3.6 USD a machine hour" in str(facts["factors"])
    assert facts["gpu_reason"] or facts["gpus"]
    [found] = findings(here)
    assert (found.check, found.subject, found.status) == ("footprint", "small", "unknown"), "nothing to compare with"
    assert run_of(found.detail).used.cpu_seconds == facts["cpu_seconds"]
    document = json.loads(as_json(outcome.view, ()))
    assert {"phase", "seconds", "cpu_seconds", "peak_bytes"} <= set(document["tables"]["phases"]["rows"][0])
    shown = [column.id for column in outcome.view.table("phases").columns]
    assert "tenfold_seconds" not in shown, "one size tells no growth"
    [row] = here.perform(("footprint", "list")).view.table("runs").rows
    assert (row["name"], row["runs"]) == ("small", 1)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 1", 1)])
def test_the_exit_code_is_passed_on(here: Session, script: str, code: int) -> None:
    outcome = here.perform(("footprint", "--", "sh", "-c", script))
    assert (outcome.exit, outcome.view.status, outcome.view.facts()["exit"]) == (code, Status.FAIL, code)
    assert f"exit code {code}" in outcome.view.title
    assert findings(here)[0].status == "fail"


def earlier(session: Session, *runs: Measured, key: str, name: str = "nightly", rows: int | None = None) -> None:
    for used in runs:
        session.ledger.append(Finding(subject=name, check="footprint", status="pass", title="earlier",
                                      detail=told(Run(key, rows, used))))


def key_of(session: Session, *words: str) -> str:
    """The digest under which a run of these words is kept."""
    session.perform(("footprint", "--name", "probe", "--", *words))
    return str(findings(session)[-1].detail["key"])


def test_a_run_beside_earlier_ones_of_the_same_words(here: Session) -> None:
    words = ("sh", "-c", "exit 0")
    key = key_of(here, *words)
    small = [replace(USED, seconds=1e-6 * each, cpu_seconds=1e-6 * each, peak_bytes=1000 * each) for each in (1, 1, 1)]
    earlier(here, *small, key=key)
    outcome = here.perform(("footprint", "--name", "nightly", "--", *words))
    rows = {str(row["measure"]): row for row in outcome.view.table("regression").rows}
    assert (outcome.exit, outcome.view.status) == (1, Status.FAIL)
    assert rows["peak_bytes"]["status"] is rows["seconds"]["status"] is Status.FAIL
    assert (rows["peak_bytes"]["median"], rows["peak_bytes"]["runs"]) == (1000.0, 3)
    assert "times the median of earlier runs" in outcome.view.title
    assert findings(here)[-1].status == "fail"


def test_a_run_that_uses_less_passes_and_runs_of_other_words_or_that_failed_do_not_count(here: Session) -> None:
    words = ("sh", "-c", "exit 0")
    key = key_of(here, *words)
    earlier(here, USED, USED, USED, key=key)
    earlier(here, *[replace(USED, exit=3, seconds=1e-9)] * 5, key=key)
    earlier(here, *[replace(USED, seconds=1e-9)] * 5, key="other words")
    outcome = here.perform(("footprint", "--name", "nightly", "--", *words))
    assert (outcome.exit, findings(here)[-1].status) == (0, "pass")
    assert all(row["runs"] == 3 for row in outcome.view.table("regression").rows)


GROWS = """
import os, sys
def phase(name):
    with open(os.environ["FOOTPRINT_PHASES"], "a") as marks:
        marks.write(name + "\\n")
n = int(sys.argv[1])
x = bytearray(n)
for i in range(0, n, 4096):
    x[i] = 1
"""


def test_three_sizes_tell_how_it_grows(here: Session) -> None:
    """Memory of a fixed part and n bytes: the exponent lies below 1, and ten times the data need ten times n."""
    script = here.directory / "grows.py"
    script.write_text(GROWS, encoding="utf-8")
    sizes = "60000000,120000000,240000000"
    outcome = here.perform(("footprint", "--sizes", sizes, "--", sys.executable, str(script), "{size}"))
    assert outcome.exit == 0, outcome.view.title
    rows = {str(row["measure"]): row for row in outcome.view.table("scaling").rows}
    assert 0.8 < rows["peak_bytes"]["exponent"] < 1.0  # type: ignore[operator]
    assert rows["peak_bytes"]["n"] == 3
    assert [column.label for column in outcome.view.table("phases").columns][-2:] == ["10×", "10×"]
    [phase] = outcome.view.table("phases").rows
    assert 2.3e9 < phase["tenfold_peak_bytes"] < 2.6e9  # type: ignore[operator]
    assert phase["breaks_at"] == pytest.approx(memory_of_machine() / 2.4e8, rel=0.1)
    assert [found.detail["rows"] for found in findings(here)] == [60_000_000, 120_000_000, 240_000_000]


def test_recorded_runs_of_three_sizes_tell_it_too(here: Session) -> None:
    for rows, seconds in ((1000, 1.0), (2000, 2.0), (4000, 4.0)):
        earlier(here, replace(USED, seconds=seconds), key="k", rows=rows)
    view = here.perform(("footprint", "--name", "nightly", "--rows", "8000", "--", "true")).view
    assert {row["n"] for row in view.table("scaling").rows} == {4}


def test_a_size_that_fails_ends_the_series(here: Session) -> None:
    outcome = here.perform(("footprint", "--sizes", "1,2,3", "--", "sh", "-c", "exit $(( {size} - 1 ))"))
    assert (outcome.exit, len(findings(here))) == (1, 2)


@pytest.mark.parametrize(("argv", "said"), [
    (("--", "no-such-program-here"), "No such file"),
    ((), "Missing argument"),
    (("--sizes", "1,2", "--", "true", "{size}"), "three sizes or more"),
    (("--sizes", "1,x,3", "--", "true", "{size}"), "three sizes or more"),
    (("--sizes", "1,1,3", "--", "true", "{size}"), "three sizes or more"),
    (("--sizes", "1,2,3", "--", "true"), "have no {size}"),
    (("--sizes", "1,2,3", "--rows", "3", "--", "true", "{size}"), "not both"),
    (("--limit", "0.5", "--", "true"), "--limit"),
    (("--per-hour", "-1", "--", "true"), "--per-hour"),
])
def test_what_cannot_be_measured_is_refused(here: Session, argv: tuple[str, ...], said: str) -> None:
    outcome = here.perform(("footprint", *argv))
    assert outcome.exit == 2
    assert said in refusal(outcome)
    assert findings(here) == []


@pytest.mark.parametrize("source", ["slack", "dashboard", "timetable"])
def test_a_program_is_run_from_the_terminal_alone(here: Session, source: str) -> None:
    outcome = session_of(here.directory, "ana", source).perform(("footprint", "--", "touch", "made"))
    assert outcome.exit == 4
    assert not (here.directory / "made").exists()


def test_an_operator_may_not_run_programs(here: Session) -> None:
    assert session_of(here.directory, "dee").perform(("footprint", "--", "touch", "made")).exit == 4
    assert not (here.directory / "made").exists()


def test_without_a_project_it_is_measured_and_not_recorded(tmp_path: Path) -> None:
    session = without_project(tmp_path, perform, actor=Actor("ana", frozenset(ROLES), "terminal"))
    outcome = session.perform(("footprint", "--per-hour", "3600", "--", "true"))
    assert (outcome.exit, outcome.recorded) == (0, False)
    assert outcome.view.facts()["cost"] == pytest.approx(outcome.view.facts()["seconds"])


# -- versions ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cost(opened: Opened) -> Session:
    session = opened()
    ran(session)
    return session


def test_training_keeps_what_each_phase_used(cost: Session) -> None:
    for fact in trained(cost):
        kept: Mapping[str, Any] = fact.detail["footprint"]
        assert [each["phase"] for each in kept["phases"]] == ["read", "features", "fit", "evaluate", "log"]
        assert all(each["seconds"] > 0 for each in kept["phases"])
        assert kept["cpu_seconds"] == pytest.approx(sum(each["cpu_seconds"] for each in kept["phases"]))
        assert kept["rows"] == sum(fact.detail[key] for key in ("train_rows", "test_rows", "purged"))
        fit = next(each for each in kept["phases"] if each["phase"] == "fit")
        assert fit["seconds"] >= fact.detail["seconds"], "the phase holds the fit, and not the baselines'"
        assert 20 * MIB < kept["peak_bytes"] < 2000 * MIB


def test_a_version_shows_what_it_cost(cost: Session) -> None:
    view = cost.perform(("footprint", "delay@2")).view
    kept = trained(cost)[1].detail["footprint"]
    assert (view.facts()["seconds"], view.facts()["peak_bytes"]) == (kept["seconds"], kept["peak_bytes"])
    assert [row["phase"] for row in view.table("phases").rows] == [each["phase"] for each in kept["phases"]]
    json.loads(as_json(view, ()))
    assert cost.perform(("footprint", "delay@9")).exit == 2


def test_a_version_beside_earlier_versions_of_its_candidate(cost: Session) -> None:
    fact = trained(cost)[0]
    assert cost.perform(("footprint", "check", "delay@1")).exit == 1, "nothing to compare with is unknown"
    kept = fact.detail["footprint"]
    for number in range(11, 14):
        small = {**kept, **{key: kept[key] / 10 for key in ("seconds", "cpu_seconds")}, "peak_bytes": 1000}
        cost.ledger.append(Trained(**{**vars(fact), "version": str(number), "detail": {"footprint": small}}))
    cost.ledger.append(Trained(**{**vars(fact), "version": "14"}))
    shown = cost.perform(("footprint", "delay@14")).view
    assert {row["measure"]: row["runs"] for row in shown.table("regression").rows}["cpu_seconds"] == 4
    cost.ledger.append(Trained(**{**vars(fact), "version": "15", "detail": {"footprint": {
        **kept, "seconds": 1e6, "cpu_seconds": 1e6}}}))
    judged = cost.perform(("footprint", "check", "delay@15"))
    assert judged.exit == 1
    last = findings(cost)[-1]
    assert (last.check, last.version, last.status) == ("footprint", "15", "fail")
    assert last.detail["ratios"]["cpu_seconds"] > 1000


def test_a_model_that_was_never_trained_and_a_version_of_earlier_days(opened: Opened) -> None:
    session = opened(**{"models/delay.yaml": FILES["models/delay.yaml"]})
    assert session.perform(("footprint", "delay")).view.status is Status.UNKNOWN
    session.ledger.append(Trained(subject="delay", version="1", candidate="linear", key="k", run_id="r", artifact="a",
                                  training="t", declaration="d", seed=1, window=("", ""), metrics={}))
    assert "before footprints were kept" in session.perform(("footprint", "delay@1")).view.title
