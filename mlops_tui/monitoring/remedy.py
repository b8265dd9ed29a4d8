"""What would help: every remedy's cost on outcomes that none of them was fitted on, with intervals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click
import numpy as np
import numpy.typing as npt

from mlops_tui import folds
from mlops_tui.analysis.cost import Costs, cheapest_threshold
from mlops_tui.analysis.interval import Interval, mean_interval
from mlops_tui.analysis.mending import AS_IS, in_time, recalibrations
from mlops_tui.analysis.recalibration import estimated_prior, fitted, prior_shift
from mlops_tui.capability import measure
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.folds import ModelState
from mlops_tui.inputs.moments import moment, span
from mlops_tui.models.matured import Matured, arrivals, matured, window
from mlops_tui.models.predicting import predicted, version_of
from mlops_tui.models.worth import money
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, Text, View, counted
from store.facts import Finding

Floats = npt.NDArray[np.float64]
FEWEST_DAYS = 6
A_LINE, TRAINING = "a reviewed line", "training"


@dataclass(frozen=True)
class Case:
    """The rows whose outcome is known, which of them a remedy may learn from, and what decisions cost."""

    session: Session
    name: str
    model: Model
    costs: Costs
    seen: Matured
    learn: npt.NDArray[np.bool_]
    state: ModelState
    version: str

    @property
    def judge(self) -> npt.NDArray[np.bool_]:
        return ~self.learn


@dataclass(frozen=True)
class Option:
    """One remedy and its decisions on the judging rows; where nothing was decided, `detail` says why.

    `argv` does it; where no command does, `how` says what a person writes. `needs`: what it takes before it works.
    """

    name: str
    decided: npt.NDArray[np.bool_] | None
    detail: str
    argv: tuple[str, ...] = ()
    how: str = ""
    needs: str = ""


@dataclass(frozen=True)
class Held:
    """A remedy picked on some days, and what it saves a day on later ones."""

    picked: str
    saves: float
    bounds: Interval | None
    days: int


@measure
@click.argument("model")
@click.option("--window", "length", default="28d", show_default=True, help="How far back.")
@click.option("--to", default=None, help="The day or time at which the window ends.  [default: now]")
def remedy(session: Session, model: str, length: str, to: str | None) -> View:
    """Compare remedies for MODEL by cost: do nothing, move the threshold, correct the prior, recalibrate, retrain.

    The older half of the window's days teaches, the newer half judges. What a remedy saves is the mean of its paired
    differences from doing nothing, day by day; the bounds of all remedies hold together at 95 % (Bonferroni), so that
    the best of them may be picked. Its estimate is still that of a winner: what the one picked on the older judged days
    saves on the newer ones is said beside it.

    \b
    Example: mlops-tui remedy flights-delay --window 28d
             mlops-tui remedy flights-delay --window 28d --to 2013-10-01
    """
    project = session.declared()
    subject = project.subject(model, "model")
    declared = project.model(subject.name)
    if declared.task != "binary":
        raise BadInput(f"Remedies move the threshold or the share of yes; a {declared.task} model has neither.",
                       next="Train it again on newer rows, and compare the versions.")
    costs, unit = money(declared)
    end = moment(to, project.zone, session.now()) if to else session.now()
    if end > session.now():
        raise BadInput(f"{to} is yet to come.", next="Drop --to.")
    case = _case(session, subject.name, declared, costs, window(end, span(length)), past=to is not None)
    options = [nothing(case), threshold(case), prior(case), prior_by_scores(case), recalibrated(case), *versions(case)]
    rows = _rows(case, options)
    finding = _finding(case, rows, unit, past=to is not None)
    session.ledger.append(finding)
    view = _view(case, finding, rows, options, unit)
    now = Action("What would help as things stand now?", ("remedy", subject.name))
    return replace(view, actions=(now,)) if to else view


def _case(session: Session, name: str, declared: Model, costs: Costs, bounds: tuple[datetime, datetime], *,
          past: bool) -> Case:
    """The rows of the version that serves; of a window in the past, of the one that answered most of it."""
    entries = [each for each in session.ledger.entries("trained", "promotion") if each.recorded_at <= bounds[1]]
    state = folds.model_state(entries, name)
    if not past:
        seen = matured(session, name, bounds, state.champion)
        return Case(session, name, declared, costs, seen, _older_half(seen), state, state.champion)
    found = arrivals(session, name, bounds)
    names, counts = np.unique(found.version, return_counts=True)
    version = str(names[counts.argmax()]) if names.size else state.champion
    seen = found.of(version).seen(session.now(), bounds)
    return Case(session, name, declared, costs, seen, _older_half(seen), state, version)


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
                  how=f"write threshold: {found.threshold:.3g} into models/{case.name}.yaml, and have it reviewed",
                  needs=A_LINE)


def prior(case: Case) -> Option:
    """Scores corrected from the share of positives in training to the share in the learning rows."""
    return _corrected(case, "correct the prior", float(case.seen.label[case.learn].mean()), "positive")


def prior_by_scores(case: Case) -> Option:
    """The same without any outcome: the share by EM from the scores of the learning rows, if it is label shift."""
    before = _trained_share(case)
    found = estimated_prior(case.seen.score[case.learn], before).value if before is not None else 0.0
    return _corrected(case, "correct the prior by scores alone", found, "positive by EM, no outcome needed")


def _trained_share(case: Case) -> float | None:
    trained = case.state.trained(case.version)
    before = trained.detail.get("prevalence") if trained is not None else None
    return before if isinstance(before, float) and 0 < before < 1 else None


def _corrected(case: Case, name: str, now: float, words: str) -> Option:
    before = _trained_share(case)
    if before is None:
        return Option(name, None, "the share of positives in training is not recorded")
    if not 0 < now < 1:
        return Option(name, None, "all rows to learn from would have the same outcome")
    scores = prior_shift(case.seen.score[case.judge], before, now)
    same = _same_decisions(case.model.threshold, before, now)
    return Option(name, scores >= case.model.threshold, f"from {before:.1%} to {now:.1%} {words}", needs=TRAINING,
                  how=f"declare a candidate whose factory corrects its scores in models/{case.name}.yaml, then train "
                      f"it; the threshold {same:.3g} decides alike at once, and leaves the scores as they are")


def _same_decisions(threshold: float, before: float, now: float) -> float:
    """The threshold at which scores as they are decide as corrected ones do at theirs: the correction turned round."""
    return float(prior_shift([threshold], now, before)[0]) if 0 < threshold < 1 else threshold


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
                  how=f"write `calibrate: {first.name}` under a candidate in models/{case.name}.yaml, and train it",
                  needs=TRAINING)


def versions(case: Case) -> list[Option]:
    """The newest challenger and the champion before, on the same rows."""
    newest = list(case.state.versions)[-1:]
    challenger = newest[0] if newest and newest[0] != case.version else ""
    asked = ("promote", f"{case.name}@{challenger}")
    found = [_version(case, "retrain", challenger, asked)] if challenger else \
        [Option("retrain", None, _training_takes(case), ("train", case.name), needs=TRAINING)]
    served = [each for each in case.state.champions if each != case.version]
    at = case.state.champions.index(case.version) if case.version in case.state.champions else len(served)
    if served and at > 0:
        found.append(_version(case, "fall back", case.state.champions[at - 1], ("promote", "--rollback", case.name)))
    return found


def _training_takes(case: Case) -> str:
    """What to expect of a training: how long the last one took, and how many outcomes came since."""
    trained = case.state.trained(case.version)
    if trained is None:
        return "no challenger is trained yet"
    zone = case.session.declared().zone
    since = (case.seen.bounds[1] - moment(trained.window[1], zone)) // timedelta(days=1)
    seconds = trained.detail.get("seconds")
    took = sum(each for each in seconds.values() if isinstance(each, int | float)) if isinstance(seconds, Mapping) \
        else seconds if isinstance(seconds, int | float) else None
    rows = trained.detail.get("train_rows")
    last = f"; the last one took {took:.0f} s of fitting" if took is not None else ""
    return (f"no challenger is trained yet{last}{f' on {rows:,} rows' if isinstance(rows, int) else ''}, and "
            f"{counted(max(since, 0), 'day')} came since")


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
    needs = "the gate" if name == "retrain" else ""
    return Option(name, other.score[case.judge] >= case.model.threshold, detail, argv, needs=needs)


def _rows(case: Case, options: list[Option]) -> list[Row]:
    """Cost a day of every option, with the interval over days, and its difference to doing nothing."""
    label, days = case.seen.label[case.judge].astype(bool), case.seen.day[case.judge]
    _, place = np.unique(days, return_inverse=True)
    by_day = {option.name: _daily_costs(option.decided, label, place, case.costs)
              for option in options if option.decided is not None}
    still, level = by_day["do nothing"], 1 - 0.05 / max(1, len(by_day) - 1)
    rows: list[Row] = []
    for option in options:
        row: dict[str, Cell] = {"remedy": option.name, "cost_a_day": None, "low": None, "high": None, "saves": None,
                                "saves_low": None, "saves_high": None, "n": int(label.size),
                                "days": int(place.max()) + 1, "detail": option.detail, "needs": option.needs,
                                "sure": None}
        if option.decided is not None:
            cost, saved = by_day[option.name], still - by_day[option.name]
            bounds = _bounds("saves_", mean_interval(saved, level))
            row |= {"cost_a_day": float(cost.mean()), **_bounds("", mean_interval(cost)), "saves": float(saved.mean()),
                    **bounds, "flagged": float(option.decided.mean()), "sure": option.name != "do nothing" and
                    isinstance(bounds["saves_low"], float) and bounds["saves_low"] > 0}
        rows.append(row)
    return rows


def held(case: Case, options: list[Option]) -> Held | None:
    """The remedy that is cheapest on the older half of the judged days, and what it saves on the newer half.

    Nothing was chosen on those days, so this is no winner's estimate. None below 3 days a half.
    """
    label, days = case.seen.label[case.judge].astype(bool), case.seen.day[case.judge]
    _, place = np.unique(days, return_inverse=True)
    half = (int(place.max()) + 1) // 2
    if half < 3:
        return None
    by_day = {option.name: _daily_costs(option.decided, label, place, case.costs)
              for option in options if option.decided is not None}
    picked = min(by_day, key=lambda name: by_day[name][:half].mean())
    saved = (by_day["do nothing"] - by_day[picked])[half:]
    return Held(picked, float(saved.mean()), mean_interval(saved), int(saved.size))


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


def _title(name: str, best: Row, unit: str) -> str:
    """What is cheapest, and whether that is sure."""
    if best["remedy"] == "do nothing":
        return f"Doing nothing is the cheapest for {name}"
    saves = f"{best['saves']:,.0f} {unit} a day"
    if best["sure"]:
        return f"'{best['remedy']}' saves {saves} for {name}"
    low, high = (f"{best[key]:,.0f}" if isinstance(best[key], float) else "?" for key in ("saves_low", "saves_high"))
    return f"No remedy surely saves for {name}: '{best['remedy']}' {saves} [{low}, {high}]"


def _finding(case: Case, rows: list[Row], unit: str, *, past: bool) -> Finding:
    best = _cheapest(rows)
    title = _title(case.name, best, unit)
    saves, low, high = (best[key] for key in ("saves", "saves_low", "saves_high"))
    return Finding(check="remedy", subject=case.name, status=Status.DONE.value, title=title,
                   value=saves if isinstance(saves, float) else None, low=low if isinstance(low, float) else None,
                   high=high if isinstance(high, float) else None, unit=f"{unit}/day", n=case.seen.n,
                   window=(case.seen.bounds[0].isoformat(), case.seen.bounds[1].isoformat()), data=case.seen.data,
                   declaration="" if past else case.session.declaration("model", case.name), version=case.version,
                   detail={"best": best["remedy"], "rows": [dict(row) for row in rows]})


def _view(case: Case, finding: Finding, rows: list[Row], options: list[Option], unit: str) -> View:
    table = Table.of("remedies", sorted(rows, key=_cost), "remedy", Column("cost_a_day", "cost a day", unit, 0),
                     Column("low", digits=0), Column("high", digits=0), Column("saves", digits=0),
                     Column("saves_low", "at least", digits=0), Column("saves_high", "at most", digits=0), "needs",
                     "detail")
    facts = Facts({"outcomes_known": case.seen.n, "judged_on_rows": int(case.judge.sum()),
                   "judged_from": days_of(case, case.judge)[0],
                   "judged_to": days_of(case, case.judge)[-1], "cheapest": finding.detail["best"],
                   "days": rows[0]["days"], "version": case.version or None,
                   "share_taught": float(case.seen.label[case.learn].mean()),
                   "share_judged": float(case.seen.label[case.judge].mean()),
                   "method": f"paired by day; bounds of what is saved hold together for {_compared(rows)} remedies"})
    known = [row for row in rows if row["cost_a_day"] is not None]
    picture = Series("cost", "interval", tuple(row["remedy"] for row in known),
                     tuple(row["cost_a_day"] for row in known), tuple(row["low"] for row in known),
                     tuple(row["high"] for row in known), title=f"Cost a day, {unit}")
    best = next(option for option in options if option.name == finding.detail["best"])
    how = (Text(f"To {best.name}: {best.how}."),) if best.how else ()
    said = _held_said(held(case, options), unit)
    return View(finding.title, Status.DONE, (facts, table, *said, picture, *how), tuple(_actions(rows, options, unit)))


def _held_said(found: Held | None, unit: str) -> tuple[Text, ...]:
    """What the pick of the older judged days came to on the newer ones."""
    if found is None:
        return ()
    if found.picked == "do nothing":
        return (Text("On the older half of the judged days doing nothing was the cheapest."),)
    bounds = f" [{found.bounds.low:,.0f}, {found.bounds.high:,.0f}]" if found.bounds else ""
    return (Text(f"Picked on the older half of the judged days, '{found.picked}' saves {found.saves:,.0f}{bounds} "
                 f"{unit} a day on the {found.days} days after."),)


def _compared(rows: list[Row]) -> int:
    """How many remedies were judged beside doing nothing."""
    return sum(row["saves"] is not None for row in rows) - 1


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
