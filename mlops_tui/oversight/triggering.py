"""What speaks for training a model again, gathered from its predictions, its outcomes and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.changes import adwin, long_run_spread, page_hinkley, togetherness
from mlops_tui.analysis.criteria import Criterion
from mlops_tui.declarations.kinds import Model, Monitor
from mlops_tui.declarations.retraining import Evidence, Retraining, Trigger
from mlops_tui.errors import NotFound
from mlops_tui.inputs.moments import moment
from mlops_tui.models.matured import Arrivals, arrivals, micros, window
from mlops_tui.oversight.standing import judged, measures
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Trained

REFERENCE, FEWEST = 56, 14  # days by which errors are scaled: the first half, at most and at least
ENOUGH = 0.9            # of a day's outcomes: then its mean error counts
DRIFT, LIMIT = 0.5, 6.0  # of Page–Hinkley, in long-run spreads
DELTA = 0.002           # of ADWIN


@dataclass(frozen=True)
class Serving:
    """The version that serves at a moment: since when, when it was trained, on rows up to when."""

    version: str
    since: datetime
    trained: datetime
    learnt_to: datetime
    seconds: float | None = None


def gathered(session: Session, monitor: Monitor, times: Sequence[datetime]) -> list[Mapping[str, Evidence]]:
    """The evidence for each trigger of a monitor at each time, on the outcomes known by then, joined once.

    NotFound where no version served at the first of the times, or nothing was predicted.
    """
    retrain = monitor.retrain or Retraining({})
    model = session.declared().model(monitor.subject)
    serves = [serving_at(session, monitor.subject, at) for at in times]
    needs = {each.kind for each in retrain.when.values()} - {"schedule"}
    if not needs:
        return [{name: _age(each, serving, at) for name, each in retrain.when.items()}
                for serving, at in zip(serves, times, strict=True)]
    starts = [at - monitor.window for at in times]
    starts += [each.since for each in serves] if "change" in needs else []
    starts += [each.learnt_to for each in serves] if "labels" in needs else []
    found = arrivals(session, monitor.subject, (min(starts), max(times)))
    return [{name: _evidence(each, found, model, monitor, (serving, at)) for name, each in retrain.when.items()}
            for serving, at in zip(serves, times, strict=True)]


def serving_at(session: Session, name: str, at: datetime) -> Serving:
    """The version that served at a moment; NotFound where none did."""
    entries = [entry for entry in session.ledger.entries("trained", "promotion")
               if entry.subject == name and entry.recorded_at <= at]
    state = folds.model_state(entries, name)
    entry = state.versions.get(state.champion)
    if entry is None or not isinstance(entry.fact, Trained) or state.champion_since is None:
        raise NotFound(f"No version of '{name}' serves yet.", next=f"Try: mlops-tui train {name}")
    learnt_to = moment(entry.fact.window[1], session.declared().zone)
    seconds = entry.fact.detail.get("seconds")
    return Serving(state.champion, state.champion_since, entry.recorded_at, learnt_to,
                   float(seconds) if isinstance(seconds, int | float) else None)


def last_trained(session: Session, name: str, at: datetime) -> datetime | None:
    """When a version of the model was trained last, whether or not it serves."""
    times = [entry.recorded_at for entry in session.ledger.entries("trained")
             if entry.subject == name and entry.recorded_at <= at]
    return max(times, default=None)


def _evidence(trigger: Trigger, found: Arrivals, model: Model, monitor: Monitor,
              when: tuple[Serving, datetime]) -> Evidence:
    serving, at = when
    if trigger.kind == "schedule":
        return _age(trigger, serving, at)
    if trigger.kind == "labels":
        new = found.within((serving.learnt_to, at))
        count = int((new.known <= micros(at)).sum())
        return Evidence(count >= trigger.labels, count < trigger.labels,
                        f"{count:,} outcomes came since {serving.learnt_to:%-d %b}, {trigger.labels:,} fire", count)
    served = found.of(serving.version)
    if trigger.kind == "performance":
        return _decay(trigger, served, model, monitor, at)
    return _change(trigger, served.within((serving.since, at)), model, at)


def _age(trigger: Trigger, serving: Serving, at: datetime) -> Evidence:
    every = trigger.every or timedelta(0)
    age, due = at - serving.trained, serving.trained + every
    days = age / timedelta(days=1)
    return Evidence(age >= every, age < every, f"version {serving.version} was trained {days:.0f} d ago, "
                                               f"{every / timedelta(days=1):g} d fire", days, due=due)


def _decay(trigger: Trigger, served: Arrivals, model: Model, monitor: Monitor, at: datetime) -> Evidence:
    seen = served.seen(at, window(at, monitor.window))
    measured = measures(seen, [trigger.metric], model.threshold)[trigger.metric]
    row = judged(trigger.metric, measured, Criterion(trigger.metric, trigger.below, trigger.above, monitor.min_rows))
    if measured.value is None or measured.low is None or measured.high is None or seen.n < monitor.min_rows:
        return Evidence(None, False, f"{trigger.metric}: {row['reason']}", measured.value)
    side = "below" if trigger.below is not None else "above"
    again = f", rearms at {trigger.rearms:g}" if trigger.rearms is not None else ""
    value = f"{measured.value:.3f} [{measured.low:.3f}, {measured.high:.3f}]"
    said = f"{trigger.metric} {value}, fires {side} {trigger.limit:g}{again}"
    return Evidence(row["status"] is Status.FAIL, trigger.back(measured.value), said, measured.value, measured.low,
                    measured.high)


def errors(rows: Arrivals, task: Task, at: datetime) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """The errors known by a moment, (n,), in order of time: their day by number, which days count, days' names.

    A day counts once nine in ten of its outcomes are in, or will not come: late ones may differ from early ones. The
    error is the squared one of a probability, whether a class was wrong, the distance of a number.
    """
    names, day = np.unique(rows.day, return_inverse=True)
    has, over = rows.known <= micros(at), rows.given_up(at)
    total = np.bincount(day, minlength=names.size)
    full = np.bincount(day, has | over, names.size) >= ENOUGH * total
    kept = has & full[day]
    answers = rows.answers(kept)
    wrong = np.square(answers.given - answers.label) if task is Task.BINARY else \
        (answers.decided != answers.label) * 1.0 if task is Task.MULTICLASS else np.abs(answers.given - answers.label)
    return np.asarray(wrong, dtype=np.float64), day[kept], np.unique(day[kept]), [str(each) for each in names]


def _change(trigger: Trigger, served: Arrivals, model: Model, at: datetime) -> Evidence:
    """Whether the errors of the version that serves rose since it began to, days that vary together counted so.

    Two weeks of scale do: simulated, of versions 28 days old whose errors did not rise Page–Hinkley sees a rise in 1, 4
    and 6 % where days are like the day before by 0, 0.3 and 0.6, and ADWIN in fewer. Looked at every day for half a
    year, in 8, 22 and 28 %.
    """
    wrong, day, full, names = errors(served, Task(model.task), at)
    if full.size < FEWEST:
        return Evidence(None, False, f"{full.size} days of its errors are known, {FEWEST} are needed")
    place = np.searchsorted(full, day)
    first = min(REFERENCE, max(FEWEST, full.size // 2))
    reference = place < first
    mean = np.bincount(place, wrong) / np.bincount(place)
    if trigger.change == "adwin":
        top = float(wrong.max()) or 1.0
        seen = [(place[each.at], place[each.since], each) for each in adwin(
            wrong / top, DELTA, inflation=togetherness(wrong[reference], place[reference])) if each.rises]
        scale = top
    else:
        scale = long_run_spread(mean[:first]) or 1.0
        seen = [(each.at, each.since, each) for each in page_hinkley(mean / scale, DRIFT, LIMIT, FEWEST)]
    name = "ADWIN" if trigger.change == "adwin" else "Page-Hinkley"
    if not seen:
        return Evidence(False, True, f"{name}: no rise in {full.size} days of errors, mean {mean.mean():.3f}",
                        float(mean.mean()))
    at_day, since, change = seen[-1]
    rose = f"errors rose from {change.before * scale:.3f} to {change.after * scale:.3f}"
    said = f"{name}: {rose} about {names[full[min(since, full.size - 1)]]}, seen {names[full[at_day]]}"
    return Evidence(True, False, said, float(change.after * scale))
