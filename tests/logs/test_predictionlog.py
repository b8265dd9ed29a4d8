"""The prediction log as its readers see it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.errors import NotFound
from mlops_tui.logs.predictionlog import log_of, needed_log
from mlops_tui.session import Session
from tests.lived import DAYS, FIRST, Lived


def test_a_model_that_has_answered_nothing_has_no_log(session: Callable[..., Session]) -> None:
    assert log_of(session("ana"), "flights-delay") is None
    with pytest.raises(NotFound, match="predicted nothing yet"):
        needed_log(session("ana"), "flights-delay")


def test_a_log_says_how_its_rows_are_known_and_what_it_lacks(lived: Callable[..., Lived]) -> None:
    log = log_of(lived().session, "trip-delay")
    assert log is not None
    assert (log.key, log.time, log.features, log.answers) == (("id",), "leaves", (), ())
    assert log.missing == ("prediction_id", "latency_ms", "status", "caller", "endpoint")
    assert log.lacks("score", "latency_ms") == \
        "The prediction log of trip-delay has no latency_ms (how long each answer took)."
    assert log.has("score", "version")
    assert not log.lacks("score")


def test_of_a_window_only_the_files_of_its_days_are_left(lived: Callable[..., Lived]) -> None:
    made = lived()
    log = needed_log(made.session, "trip-delay")
    end = FIRST + timedelta(days=DAYS)
    assert {file.partition["day"] for file in log.within((end - timedelta(days=2), end), made.session).manifest.files} \
        == {f"{end - timedelta(days=back):%Y-%m-%d}" for back in (1, 2)}


def test_doctor_finds_what_is_wrong_with_a_declared_log(project: Path, session: Callable[..., Session]) -> None:
    contract = (project / "datasets/flights.yaml").read_text()
    declared = ("  - {property: predictionLog, value: {id: a, output: a, lable: x}}\n"
                "  - {property: payloads, value: {rules: {missin: flag}}}\n"
                "  - {property: samples, value: {share: 2}}\n")
    (project / "datasets/flights-dely.predictions.yaml").write_text(contract + declared, encoding="utf-8")
    rows = [row for row in perform(session("ana"), ["doctor"]).view.table("checks").rows
            if row["check"] == "dataset flights-dely.predictions"]
    said = " ".join(f"{row['detail']} {row['fix']}" for row in rows)
    for words in ("is the log of 'flights-dely', which is not declared", "Did you mean 'flights-delay'?", "'lable'",
                  "Did you mean 'label'?", "No rule 'missin'", "Did you mean 'missing'?",
                  "share lies from 0 to 1, not at 2"):
        assert words in said, words
    assert ".yaml:" in said, "the line is named"
    (project / "datasets/flights-dely.predictions.yaml").unlink()
    (project / "datasets/flights.yaml").write_text(contract + declared.splitlines()[2] + "\n", encoding="utf-8")
    assert "is of the log of a model" in str(perform(session("ana"), ["doctor"]).view)
