"""Times and weights of the rows that a calibration is judged on."""

import numpy as np

from mlops_tui import pointintime
from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.errors import BadInput
from mlops_tui.modeling._heldout import Version
from mlops_tui.session import Session
from store.quoting import quote


def weights_of(values: Floats, name: str, where: str, labels: Bools) -> Floats | None:
    """What each row counts; None where all count the same. BadInput for weights that are negative or lack a class."""
    if (values < 0).any():
        raise BadInput(f"{int((values < 0).sum())} weights in '{name}' are negative, such as "
                       f"{values[int(np.argmax(values < 0))]:g}.", where=where, next="A weight is 0 or more.")
    for said, rows in (("1", labels), ("0", ~labels)):
        if not values[rows].any():
            raise BadInput(f"No row with the label {said} has a weight in '{name}'.", where=where,
                           next="Choose rows in which both outcomes count.")
    return uneven(values)


def uneven(weights: Floats | None) -> Floats | None:
    """Weights as shares of the largest; None where all rows count the same."""
    return None if weights is None or weights.min() == weights.max() else weights / weights.max()


def times_of(session: Session, chosen: Version) -> Counts:
    """The time of each test row of a version, in microseconds, (n,), in order of the key."""
    model, lake = chosen.model, session.data()
    key = pointintime.key_columns(model, session.declared().dataset(model.label.dataset))
    query = (f"SELECT epoch_us({quote(model.split.time)}) AS at FROM {lake.scan(chosen.scores)} "
             f"ORDER BY {', '.join(map(quote, key))}")
    return np.asarray(lake.connect().execute(query).fetchnumpy()["at"], dtype=np.int64)
