"""A version beside the champion on rows that both answered unseen: metrics, segments, and what their decisions cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mlops_tui.access.standing import SECRET
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.cost import cost_contrast
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS, Metric, metrics_of
from mlops_tui.analysis.paired import contrast
from mlops_tui.analysis.segments import Segment, segments
from mlops_tui.analysis.significance import turned
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.models import rivals, slices
from mlops_tui.models.rivals import Shared
from mlops_tui.models.worth import money
from mlops_tui.session import Session
from store.facts import Trained

MANY = 20  # values from which on a column that nobody declared as a slice is none
LACKS = "there are no rows that both answered unseen"


@dataclass(frozen=True)
class Pair:
    """One metric of both on the same rows; `lead` is above 0 where the version is better, whatever the metric."""

    metric: Metric
    before: Estimate | None
    after: Estimate | None
    lead: Contrast | None
    reason: str = ""


@dataclass(frozen=True)
class Beside:
    """What both answered, compared: `n` rows from `source`; `reason` where there are none, `left` columns left out.

    `price`: what the version's decisions cost more (above 0: less) per row than the champion's, in `unit`.
    """

    n: int = 0
    source: str = ""
    pairs: tuple[Pair, ...] = ()
    segments: tuple[Segment, ...] = ()
    metric: str = ""
    price: Contrast | None = None
    unit: str = ""
    reason: str = ""
    left: Mapping[str, str] = field(default_factory=dict)


def metric_of(model: Model, trained: Trained) -> Metric:
    """What the version was ranked by in training; of errors in units of a naive forecast the errors themselves."""
    name = str(trained.detail.get("metric", "roc_auc"))
    return replace(METRICS.get("mae" if name == "mase" else name, METRICS["roc_auc"]), threshold=model.threshold)


def beside(session: Session, model: Model, trained: Trained, champion: Trained | None) -> Beside:
    """The version beside the champion; nothing but a reason where there is no champion, or no rows in common."""
    if champion is None or champion.version == trained.version:
        return Beside(reason="there is no champion to stand beside")
    scores, why = rivals.scores_of(session, model, trained)
    if scores is None:
        return Beside(reason=why)
    rows = rivals.shared(session, model, trained, champion)
    if not rows.n:
        return Beside(reason=LACKS)
    main = metric_of(model, trained)
    known = metrics_of(rows.mine.task)
    names = dict.fromkeys([main.id, *(each.metric for each in model.criteria if not each.slice)])
    pairs = tuple(_pair(replace(known[name], threshold=model.threshold), rows) for name in names if name in known)
    columns, left = _columns(session, model, trained, rows)
    price, unit = _price(model, rows)
    return Beside(rows.n, rows.source, pairs, segments(main, rows.theirs, rows.mine, columns), main.id, price, unit,
                  left=left)


def _pair(metric: Metric, rows: Shared) -> Pair:
    try:
        found = contrast(metric, rows.theirs, rows.mine)
        before, after = reckoned(metric, rows.theirs), reckoned(metric, rows.mine)
    except ValueError as problem:
        return Pair(metric, None, None, None, str(problem))
    return Pair(metric, before, after, turned(found) if metric.higher_is_better else found, found.reason)


def _price(model: Model, rows: Shared) -> tuple[Contrast | None, str]:
    """The difference in cost per row, by the declared worth of right and wrong answers; nothing where none is."""
    if rows.mine.task is not Task.BINARY or not (model.costs or (model.value and model.value.false_alarm)):
        return None, ""
    try:
        costs, unit = money(model)
        return cost_contrast(rows.theirs, rows.mine, costs, model.threshold), unit
    except (BadInput, ValueError):
        return None, ""


def _columns(session: Session, model: Model, trained: Trained,
             rows: Shared) -> tuple[dict[str, slices.Texts], dict[str, str]]:
    """The slices as text for each row: those declared, or features with few texts as values; and what is left out.

    A classified column is left out for everybody: what is voted on reads the same through every door.
    """
    scores, _ = rivals.scores_of(session, model, trained)
    assert scores is not None
    found, left = dict[str, slices.Texts](), dict[str, str]()
    secret = {item.name for each in session.declared().datasets.values() for item in each.properties
              if item.classification.lower() in SECRET}
    for column in model.slices or _texts(trained):
        if column in secret:
            left[column] = "classified"
            continue
        try:
            values = slices.values(session, model, trained, scores, column)[rows.place]
        except NotFound:
            left[column] = "not among its training rows"
            continue
        if model.slices or np.unique(values).size <= MANY:
            found[column] = values
    return found, left


def _texts(trained: Trained) -> Sequence[str]:
    return [str(each["name"]) for each in trained.detail.get("inputs", ()) if each["type"] in ("string", "boolean")]
