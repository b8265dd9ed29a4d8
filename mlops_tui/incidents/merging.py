"""Two open incidents that are one."""

from collections.abc import Mapping, Sequence

from mlops_tui import folds
from mlops_tui.errors import Conflict
from mlops_tui.folds import Alert, Incident
from store.ledger import Entry


def itself(known: Mapping[str, Incident], name: str) -> Incident:
    """The incident of that id; Conflict names the one that it was merged into."""
    found = folds.known(known, name, "incident")
    if found.merged_into:
        raise Conflict(f"{found.id} was merged into {found.merged_into}.",
                       next=f"Try: mlops-tui incident show {found.merged_into}")
    return found


def proposed(known: Mapping[str, Incident], entries: Sequence[Entry]) -> list[tuple[Incident, str]]:
    """Each open incident that shares its model and its cause with an older one that is open, and the id of that.

    The cause is the check that found it; of one that a person saw nothing more than the model is known.
    """
    alerts = folds.alerts(entries)
    open_ = [each for each in known.values() if each.open]
    found = []
    for number, each in enumerate(open_):
        older = next((other for other in open_[:number] if _same(each, other, alerts)), None)
        if older is not None:
            found.append((each, older.id))
    return found


def _same(one: Incident, other: Incident, alerts: Mapping[str, Alert]) -> bool:
    model = one.about.partition("@")[0]
    if not model or model != other.about.partition("@")[0]:
        return False
    ours, theirs = ({alerts[name].check for name in each.alerts if name in alerts} for each in (one, other))
    return bool(ours & theirs) or not ours or not theirs
