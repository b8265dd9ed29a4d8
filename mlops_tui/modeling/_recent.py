"""The naive rungs of a regression in time: the last outcome known at each row's time, and the one a season before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.naive import NONE, forecast, last_known, mase_scale, season_before
from mlops_tui.analysis.split import Fold
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, nearest
from mlops_tui.transforms.windows import shown

NAIVE, SEASONAL = "baseline_naive", "baseline_seasonal"


@dataclass(frozen=True)
class Recent:
    """Forecasts of the test rows by rung, what each is in words, what MASE divides by, and what is to be said."""

    forecasts: Mapping[str, Floats]
    descriptions: Mapping[str, str]
    scale: float | None
    notes: tuple[str, ...]


def recent(model: Model, keys: Sequence[str], frame: pa.Table, fold: Fold, weight: str) -> Recent:
    """The naive rungs of all rows in order of time, with columns `starts`, `ends` and `clock` in microseconds.

    A row of the test knows outcomes of other test rows once these are known, never its own; where nothing was known of
    its series, the mean of the training rows is said. The season's rung is left out where no training row has a season
    before it.
    """
    value, names = frame[model.label.column].to_numpy(), series_of(model, keys, frame.column_names)
    start, known, clock = (frame[name].to_numpy() for name in ("starts", "ends", "clock"))
    series, season = _numbered(frame, names), model.split.season
    each = f" of each {' and '.join(names)}" if names else ""
    train = np.zeros(value.size, dtype=bool)
    train[fold.train] = True
    last = last_known(start, known, series)
    mean = float(value[fold.train].mean())
    latest = forecast(value, last, mean)
    forecasts, descriptions = {NAIVE: latest}, {NAIVE: f"the last outcome{each} that was known"}
    notes, scaled = _lacking(NAIVE, last[fold.test], "the mean of training"), last
    if season is not None:
        step = season // timedelta(microseconds=1)
        before = season_before(start, known, series, step, clock)
        if (train & (before != NONE)).any():
            forecasts[SEASONAL] = forecast(value, before, latest)
            descriptions[SEASONAL] = f"the outcome{each} {shown(season)} before"
            notes += _lacking(SEASONAL, before[fold.test], "the last outcome known")
            scaled = before
        else:
            notes += [f"{SEASONAL} is left out: no training row has one{each} a season ({shown(season)}) before it"]
    counts = frame[weight].to_numpy() if weight in frame.column_names else None
    return Recent({name: values[fold.test] for name, values in forecasts.items()}, descriptions,
                  mase_scale(value, scaled, train, counts), tuple(notes))


def series_of(model: Model, keys: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that tell time series apart: as declared, else the key without the time; none where that is no key.

    Without the time in its key a row is known by a number of its own, and all rows are one series.
    """
    for name in model.split.series:
        if name not in columns:
            raise BadInput(f"There is no column '{name}' to tell series apart.", where="split: series",
                           next=nearest(name, columns) or "Name columns of the key or of `columns:`.")
    if model.split.series or model.split.time not in keys:
        return model.split.series
    return tuple(name for name in keys if name != model.split.time)


def _numbered(frame: pa.Table, names: Sequence[str]) -> Counts:
    """The number of each row's series, from 0, (n,)."""
    found = np.zeros(frame.num_rows, dtype=np.int64)
    for name in names:
        codes = frame[name].combine_chunks().dictionary_encode()
        index = codes.indices.fill_null(len(codes.dictionary)).to_numpy()
        found = np.unique(found * (len(codes.dictionary) + 1) + index, return_inverse=True)[1].astype(np.int64)
    return found


def _lacking(rung: str, found: Counts, instead: str) -> list[str]:
    missing = int((found == NONE).sum())
    return [f"{rung}: for {missing:,} of {found.size:,} test rows nothing was known; {instead} is said"] if missing \
        else []
