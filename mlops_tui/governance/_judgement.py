"""What of an audit of a model enters the history."""

from collections.abc import Sequence

from mlops_tui.governance._answered import Answered
from mlops_tui.governance._fifths import decisive
from mlops_tui.session import Session
from mlops_tui.view import Row, View
from store.facts import Finding

BETWEEN = " · "  # the columns of groups that are combined


def groups_of(audit: Finding) -> tuple[str, ...]:
    """The columns whose groups an audit compared."""
    return tuple(str(audit.detail["group"]).split(BETWEEN))


def finding(session: Session, found: Answered, groups: Sequence[str], view: View, monitor: str) -> Finding:
    """The measure that decides, with its interval and limit; every group's ratio and every limit in its detail."""
    fifths, limits = _rows(view, "four_fifths"), _rows(view, "limits")
    told = decisive(fifths) if fifths else {}
    by_rule = bool(fifths) and (not limits or str(told["status"]) == view.status.value)
    first = told if by_rule else limits[0] if limits else {}
    value, low, high, limit = (each if isinstance(each := first.get(id), float) else None for id in (
        "ratio" if by_rule else "value", "low", "high", "limit"))
    declaration = session.declaration("monitor", monitor) if monitor else session.declaration("model", found.subject)
    facts = view.facts()
    return Finding(check="bias", subject=found.subject, status=view.status.value, title=view.title, value=value,
                   low=low, high=high, limit=limit, n=found.answers.n, data=found.data, version=found.version,
                   window=found.window, declaration=declaration, monitor=monitor,
                   detail={"group": BETWEEN.join(groups), "favourable": facts.get("favourable"),
                           "reference": facts.get("reference"), "threshold": found.model.threshold,
                           "candidate": found.candidate, "method": facts.get("method"),
                           "groups": {str(row["group"]): {id: row[id] for id in ("ratio", "low", "high", "verdict")}
                                      for row in reversed(fifths)},
                           "limits": [{id: row[id] for id in ("measure", "group", "value", "low", "high", "limit",
                                                              "verdict")} for row in limits]})


def _rows(view: View, id: str) -> Sequence[Row]:
    try:
        return view.table(id).rows
    except KeyError:
        return ()
