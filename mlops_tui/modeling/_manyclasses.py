"""The calibration of probabilities of several classes: of the class that is said, and class by class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.chance import ece_by_chance, ece_interval, tilts
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.errors import BadInput
from mlops_tui.modeling._answered import Asked, answered, by_class
from mlops_tui.modeling._heldout import Version, own_answers
from mlops_tui.modeling._labelled import uneven
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View

LIMIT, SURE = 0.05, 0.05


def of_classes(file: Path, label: str, given: Sequence[str], weight: str | None, bins: int) -> View:
    """The calibration of a file whose label is a class, with a column of probabilities for each."""
    found = answered(file, Asked(label, probability=by_class(given), weight=weight))
    return _view(file.name, found.answers, bins)


def of_version(session: Session, chosen: Version, bins: int) -> View:
    """The calibration of a version of several classes on its test rows."""
    found = own_answers(session, chosen)
    if found.given.ndim != 2:
        raise BadInput(f"{chosen.name} gives classes without probabilities.", where=chosen.scores.dataset,
                       next=f"Try: mlops-tui evaluate {chosen.name}")
    return _view(chosen.name, found, bins)


def _view(name: str, found: Answers, bins: int) -> View:
    table, number, weights, classes = found.given, found.label, uneven(found.weight), found.classes
    right: Bools = table.argmax(axis=1) == number
    said = reliability(right, table.max(axis=1), bins, weights=weights)
    low, high = ece_interval(said)
    chance = ece_by_chance(said)
    each_row = [_class_row(each, number == place, table[:, place], weights, bins)
                for place, each in enumerate(classes)]
    adjusted = holm([float(str(row["p_value"])) for row in each_row])
    rows: list[Row] = [row | {"p_adjusted": float(p), "verdict": _verdict(row, float(p))}
                       for row, p in zip(each_row, adjusted, strict=True)]
    classwise = float(np.mean([float(str(row["ece"])) for row in rows]))
    sure, happened = (float(np.average(each, weights=weights)) for each in (table.max(axis=1), right))
    told = "too sure of itself" if sure > happened else "too timid"
    word = told if chance.p_value < SURE else "calibrated as far as these rows can tell"
    shown = Table.of("classes", rows, Column("class", cut=20), "n", Column("predicted", share=True),
                     Column("observed", share=True), Column("gap", digits=3), Column("low", digits=3),
                     Column("high", digits=3), Column("ece", "ECE", digits=3), Column("p_adjusted", digits=4),
                     "verdict", title="Class by class: observed less predicted, p adjusted for all classes (Holm)")
    facts = Facts({"rows": found.n, "classes": len(classes), "top_label_ece": ece(said), "top_label_ece_low": low,
                   "top_label_ece_high": high, "ece_by_chance_high": chance.high, "p_value": chance.p_value,
                   "classwise_ece": classwise, "confidence": sure, "accuracy": happened, "limit": LIMIT})
    return View(f"{name} is {word}: of the class it says it is {sure:.1%} sure, and right in {happened:.1%}",
                Status.WARN if low > LIMIT else Status.DONE,
                (reliability_diagram(said), Text("The diagram is of the class that is said: how sure, and how right."),
                 shown, facts), (Action("Evaluate", ("evaluate", "--help")),))


def _class_row(name: str, labels: Bools, scores: Floats, weights: Floats | None, bins: int) -> dict[str, Cell]:
    tilt = tilts(labels, scores, None, weights)[0]
    return {"class": name, "n": int(labels.sum()), "predicted": tilt.predicted, "observed": tilt.observed,
            "gap": tilt.gap, "low": tilt.low, "high": tilt.high, "p_value": tilt.p_value,
            "ece": ece(reliability(labels, scores, bins, weights=weights)), "few": tilt.few}


def _verdict(row: Mapping[str, Cell], p: float) -> str:
    if row["few"]:
        return str(row["few"])
    return ("too high" if float(str(row["gap"])) < 0 else "too low") if p < SURE else ""
