"""What would help: every remedy's cost on outcomes that none of them was fitted on, with intervals."""

from collections.abc import Iterator
from dataclasses import dataclass

import click
import numpy as np
import numpy.typing as npt

from mlops_tui import folds
from mlops_tui.analysis.cost import Costs, cheapest_threshold
from mlops_tui.analysis.interval import Interval, mean_interval
from mlops_tui.analysis.mending import AS_IS, in_time, recalibrations
from mlops_tui.analysis.recalibration import fitted, prior_shift
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput
from mlops_tui.kinds import Model
from mlops_tui.matured import Matured, matured, window
from mlops_tui.moments import moment
from mlops_tui.predicting import predicted, version_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, Text, View
from mlops_tui.watching import span
from mlops_tui.worth import money
from store.facts import Finding

Floats = npt.NDArray[np.float64]
FEWEST_DAYS = 6


@dataclass(frozen=True)
class Case:
    """The rows whose outcome is known, which of them a remedy may learn from, and what decisions cost."""

    session: Session
    name: str
    model: Model
    costs: Costs
    seen: Matured
    learn: npt.NDArray[np.bool_]

    @property
    def judge(self) -> npt.NDArray[np.bool_]:
        return ~self.learn


@dataclass(frozen=True)
class Option:
    """One remedy and its decisions on the judging rows; where nothing was decided, `detail` says why.

    `argv` does it; where no command does, `how` says what a person writes.
    """

    name: str
    decided: npt.NDArray[np.bool_] | None
    detail: str
    argv: tuple[str, ...] = ()
    how: str = ""


@measure
@click.argument("model")
@click.option("--window", "length", default="28d", show_default=True, help="How far back.")
def remedy(session: Session, model: str, length: str) -> View:
    """Compare remedies for MODEL by cost: do nothing, move the threshold, correct the prior, recalibrate, retrain.

    The older half of the window's days teaches, the newer half judges. Intervals are over days.

    \b
    Example: mlops-tui remedy flights-delay --window 28d
    """
    project = session.declared()
    subject = project.subject(model, "model")
    declared = project.model(subject.name)
    if declared.task != "binary":
        raise BadInput(f"Remedies move the threshold or the share of yes; a {declared.task} model has neither.",
                       next="Train it again on newer rows, and compare the versions.")
    costs, unit = money(declared)
    bounds = window(session.now(), span(length))
    serving = folds.model_state(session.ledger.entries("promotion"), subject.name).champion
    seen = matured(session, subject.name, bounds, serving)
    case = Case(session, subject.name, declared, costs, seen, _older_half(seen))
    options = [nothing(case), threshold(case), prior(case), recalibrated(case), *versions(case)]
    rows = _rows(case, options)
    finding = _finding(case, rows, unit)
    session.ledger.append(finding)
    return _view(case, finding, rows, options, unit)


def _older_half(seen: Matured) -> npt.NDArray[np.bool_]:
    days = np.unique(seen.day)
    if days.size < FEWEST_DAYS:
        raise BadInput(f"Outcomes of {days.size} days are known, {FEWEST_DAYS} are needed to compare remedies.",
                       next="Wait for more outcomes, or widen --window.")
    if seen.label.min() == seen.label.max():
        raise BadInput("All known outcomes are the same.", next="Widen --window.")
    return np.isin(seen.day, days[: days.size // 2])


def days_of(case: Case, rows: npt.NDArray[np.bool_] | None = None) -> list[str]:
    """The days of the rows, in order."""
    days: list[str] = np.unique(case.seen.day if rows is None else case.seen.day[rows]).tolist()
    return days


def nothing(case: Case) -> Option:
    """The model as it serves now."""
    return Option("do nothing", case.seen.score[case.judge] >= case.model.threshold,
                  f"threshold {case.model.threshold:.3g}")


def threshold(case: Case) -> Option:
    """The threshold that would have been cheapest on the learning rows."""
    found = cheapest_threshold(case.seen.label[case.learn], case.seen.score[case.learn], case.costs)
    return Option("move the threshold", case.seen.score[case.judge] >= found.threshold,
                  f"from {case.model.threshold:.3g} to {found.threshold:.3g}",
                  how=f"write threshold: {found.threshold:.3g} into models/{case.name}.yaml, and have it reviewed")


def prior(case: Case) -> Option:
    """Scores corrected from the share of positives in training to the share in the learning rows."""
    trained = folds.model_state(case.session.ledger.entries("trained", "promotion"), case.name).trained("champion")
    before = trained.detail.get("prevalence") if trained is not None else None
    now = float(case.seen.label[case.learn].mean())
    if not isinstance(before, float) or not 0 < now < 1:
        return Option("correct the prior", None, "the share of positives in training is not recorded")
    corrected = prior_shift(case.seen.score[case.judge], before, now)
    return Option("correct the prior", corrected >= case.model.threshold, f"from {before:.1%} to {now:.1%} positive",
                  how=_corrected(case))


def recalibrated(case: Case) -> Option:
    """Scores mapped by the recalibration that did best on later learning rows than it was fitted on."""
    label, score = case.seen.label[case.learn] == 1, case.seen.score[case.learn]
    day = np.unique(case.seen.day[case.learn], return_inverse=True)[1]
    tried = recalibrations(in_time(label, score, day, day=1))
    first = tried[0]
    if first.name == AS_IS:
        refused = next((f": {each.reason}" for each in tried if each.reason), "")
        return Option("recalibrate", None, f"no recalibration lowers the log loss{refused}")
    mended = fitted(first.name, label, score)(case.seen.score[case.judge])
    return Option("recalibrate", mended >= case.model.threshold,
                  f"{first.name}{'' if first.better else ', not surely better by log loss'}",
                  how=f"write `calibrate: {first.name}` under a candidate in models/{case.name}.yaml, and train it")


def _corrected(case: Case) -> str:
    return f"declare a candidate whose factory corrects its scores in models/{case.name}.yaml, then train it"


def versions(case: Case) -> list[Option]:
    """The newest challenger and the previous champion on the same rows."""
    state = folds.model_state(case.session.ledger.entries("trained", "promotion"), case.name)
    asked = ("promote", f"{case.name}@{state.challenger}")
    found = [_version(case, "retrain", state.challenger, asked)] if state.challenger else \
        [Option("retrain", None, "no challenger is trained yet", ("train", case.name))]
    if state.previous:
        found.append(_version(case, "fall back", state.previous, ("promote", "--rollback", case.name)))
    return found


def _version(case: Case, name: str, version: str, argv: tuple[str, ...]) -> Option:
    """The decisions of another version; it must not have been trained on the rows that judge."""
    trained = version_of(case.session, case.name, version)
    zone = case.session.declared().zone
    first_judged = moment(days_of(case, case.judge)[0], zone)
    detail = f"version {version}, trained to {trained.window[1][:10]}"
    if moment(str(trained.detail.get("test_from") or trained.window[1]), zone) > first_judged:
        return Option(name, None, f"{detail}: it has seen the rows that would judge it")
    days = (days_of(case)[0], days_of(case)[-1])
    rows = case.session.snapshot(f"{case.name}.features").within(day=days)
    other = matured(case.session, case.name, case.seen.bounds, scored=predicted(case.session, trained, rows))
    if not np.array_equal(other.label, case.seen.label):
        return Option(name, None, f"{detail}: not every row was logged")
    return Option(name, other.score[case.judge] >= case.model.threshold, detail, argv)


def _rows(case: Case, options: list[Option]) -> list[Row]:
    """Cost a day of every option, with the interval over days, and its difference to doing nothing."""
    label, days = case.seen.label[case.judge].astype(bool), case.seen.day[case.judge]
    _, place = np.unique(days, return_inverse=True)
    by_day = {option.name: _daily_costs(option.decided, label, place, case.costs)
              for option in options if option.decided is not None}
    still = by_day["do nothing"]
    rows: list[Row] = []
    for option in options:
        row: dict[str, Cell] = {"remedy": option.name, "cost_a_day": None, "low": None, "high": None, "saves": None,
                                "saves_low": None, "saves_high": None, "n": int(label.size),
                                "days": int(place.max()) + 1, "detail": option.detail}
        if option.decided is not None:
            cost, saved = by_day[option.name], still - by_day[option.name]
            row |= {"cost_a_day": float(cost.mean()), **_bounds("", mean_interval(cost)), "saves": float(saved.mean()),
                    **_bounds("saves_", mean_interval(saved)),
                    "flagged": float(option.decided.mean())}
        rows.append(row)
    return rows


def _daily_costs(decided: npt.NDArray[np.bool_], label: npt.NDArray[np.bool_], place: npt.NDArray[np.intp],
                 costs: Costs) -> Floats:
    each = np.where(decided, np.where(label, costs.true_positive, costs.false_positive),
                    np.where(label, costs.false_negative, costs.true_negative))
    return np.bincount(place, weights=each).astype(np.float64)


def _bounds(prefix: str, found: Interval | None) -> dict[str, Cell]:
    return {f"{prefix}low": found.low if found else None, f"{prefix}high": found.high if found else None}


def _cheapest(rows: list[Row]) -> Row:
    known = [(row["cost_a_day"], place) for place, row in enumerate(rows) if isinstance(row["cost_a_day"], float)]
    return rows[min(known)[1]]


def _finding(case: Case, rows: list[Row], unit: str) -> Finding:
    best = _cheapest(rows)
    sure = isinstance(best["saves_low"], float) and best["saves_low"] > 0
    said = "saves" if sure else "may save, not surely,"
    title = f"Doing nothing is the cheapest for {case.name}" if best["remedy"] == "do nothing" else \
        f"'{best['remedy']}' {said} {best['saves']:,.0f} {unit} a day for {case.name}"
    saves, low, high = (best[key] for key in ("saves", "saves_low", "saves_high"))
    return Finding(check="remedy", subject=case.name, status=Status.DONE.value, title=title,
                   value=saves if isinstance(saves, float) else None, low=low if isinstance(low, float) else None,
                   high=high if isinstance(high, float) else None, unit=f"{unit}/day", n=case.seen.n,
                   window=(case.seen.bounds[0].isoformat(), case.seen.bounds[1].isoformat()), data=case.seen.data,
                   declaration=case.session.declaration("model", case.name),
                   detail={"best": best["remedy"], "rows": [dict(row) for row in rows]})


def _view(case: Case, finding: Finding, rows: list[Row], options: list[Option], unit: str) -> View:
    table = Table.of("remedies", sorted(rows, key=_cost), "remedy", Column("cost_a_day", "cost a day", unit, 0),
                     Column("low", digits=0), Column("high", digits=0), Column("saves", digits=0),
                     Column("saves_low", "at least", digits=0), Column("saves_high", "at most", digits=0), "detail")
    facts = Facts({"outcomes_known": case.seen.n, "judged_on_rows": int(case.judge.sum()),
                   "judged_from": days_of(case, case.judge)[0],
                   "judged_to": days_of(case, case.judge)[-1], "cheapest": finding.detail["best"]})
    known = [row for row in rows if row["cost_a_day"] is not None]
    picture = Series("cost", "interval", tuple(row["remedy"] for row in known),
                     tuple(row["cost_a_day"] for row in known), tuple(row["low"] for row in known),
                     tuple(row["high"] for row in known), title=f"Cost a day, {unit}")
    best = next(option for option in options if option.name == finding.detail["best"])
    how = (Text(f"To {best.name}: {best.how}."),) if best.how else ()
    return View(finding.title, Status.DONE, (facts, table, picture, *how), tuple(_actions(rows, options, unit)))


def _actions(rows: list[Row], options: list[Option], unit: str) -> Iterator[Action]:
    """The remedies that a command begins, the cheapest first, each with what it saves."""
    argv = {option.name: option.argv for option in options}
    for row in sorted(rows, key=_cost):
        name, saves = str(row["remedy"]), row["saves"]
        said = f", {'saves' if saves >= 0 else 'costs'} {abs(saves):,.0f} {unit} a day{' more' * (saves < 0)}" \
            if isinstance(saves, float) else ""
        if argv[name]:
            yield Action(f"{name.capitalize()}{said}", argv[name])


def _cost(row: Row) -> float:
    cost = row["cost_a_day"]
    return cost if isinstance(cost, float) else float("inf")
