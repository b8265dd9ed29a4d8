"""A version's answers on parts of its test rows: by a column of its training rows, and as a criterion asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound, nearest
from mlops_tui.models import rivals
from mlops_tui.session import Session
from store.facts import Trained
from store.lake import Manifest

OUTCOME = "outcome_known_at"
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Measured:
    """What criteria on slices are judged by, `METRIC:COLUMN=VALUE` to estimate; of those without one, why not."""

    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def values(session: Session, model: Model, trained: Trained, scores: Manifest, column: str) -> Texts:
    """A column of the training rows as text, (n,) for the test rows; NotFound where it is none or was erased."""
    name = f"{trained.subject}@{trained.version}"
    training = rivals.kept(session, f"{trained.subject}.training", trained.training)
    if training is None:
        raise NotFound(f"The training rows of {name} were erased, and with them its groups.",
                       next="Leave out --group.")
    known = [each for each in training.columns if each not in (model.label.column, model.split.time, OUTCOME)]
    if column not in known:
        raise NotFound(f"The training rows of {name} have no column '{column}'.",
                       where=f"{training.dataset}@{training.id[:12]}",
                       next=nearest(column, known) or f"Columns: {', '.join(known)}.")
    return rivals.groups(session, model, scores, training, column)


def criteria(session: Session, model: Model, trained: Trained, scores: Manifest | None,
             answers: Answers | None = None) -> Measured:
    """The metrics of the criteria that are declared for a slice, on the test rows that are in it."""
    estimates, reasons, columns = {}, {}, {}
    for each in model.criteria:
        if not each.slice:
            continue
        name, (column, _, value) = f"{each.metric}:{each.slice}", each.slice.partition("=")
        if scores is None:
            reasons[name] = "its scores on the test rows are not there"
            continue
        answers = answers or rivals.answers(session, model, trained, scores)
        try:
            if column not in columns:
                columns[column] = values(session, model, trained, scores, column)
            inside = columns[column] == value
            if not inside.any():
                seen = np.unique(columns[column]).tolist()
                raise NotFound(f"No test row has {each.slice}.", next=nearest(value, seen) or f"{column} is "
                               f"{', '.join(seen[:5])}{', …' if len(seen) > 5 else ''}.")
            metric = replace(METRICS[each.metric], threshold=model.threshold)
            estimates[name] = reckoned(metric, answers.of(inside))
        except NotFound as problem:
            reasons[name] = " ".join(filter(None, (problem.what, problem.next)))
        except (ValueError, KeyError) as problem:
            reasons[name] = f"{each.metric} cannot be measured: {problem}"
    return Measured(estimates, reasons)
