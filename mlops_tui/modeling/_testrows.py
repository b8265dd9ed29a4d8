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
    return None if values.min() == values.max() else values / values.max()


def times_of(session: Session, chosen: Version) -> tuple[Counts, Floats | None]:
    """Time in microseconds and weight of each test row of a version, (n,), in order of the key."""
    model, lake = chosen.model, session.data()
    key = pointintime.key_columns(model, session.declared().dataset(model.label.dataset))
    weighted = bool(model.weight) and "weight" in chosen.scores.columns
    query = (f"SELECT epoch_us({quote(model.split.time)}) AS at{', weight' if weighted else ''} "
             f"FROM {lake.scan(chosen.scores)} ORDER BY {', '.join(map(quote, key))}")
    found = lake.connect().execute(query).fetchnumpy()
    weight = np.asarray(found["weight"], dtype=np.float64) if weighted else None
    even = weight is None or weight.min() == weight.max()
    return np.asarray(found["at"], dtype=np.int64), None if even or weight is None else weight / weight.max()
