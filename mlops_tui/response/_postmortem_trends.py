"""What incidents have in common: factors that come back, what noticed them, and where people were lucky."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.errors import NotFound
from mlops_tui.folds import Incident
from mlops_tui.incidents.actions import open_actions_of
from mlops_tui.response import _reading
from mlops_tui.response.postmortem import postmortem
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Status, Table, Text, View, counted
from store.ledger import Entry


@look(of=postmortem, fold=True)
def trends(session: Session) -> View:
    """By quarter: how many incidents there were, what noticed them, which contributing factors come back.

    A factor is told by its tags: write `- the feed stopped #late-data` below Contributing factors. Read are the
    post-mortems that are finished.

    \b
    Example: mlops-tui postmortem trends
    """
    zone, entries = session.declared().zone, session.ledger.entries()
    known = [each for each in folds.incidents(entries).values() if not each.merged_into]
    read = _finished(session, entries)
    factors = _factors(known, read, entries)
    lucky: list[Row] = [{"incident": each.id, "quarter": quarter(each.opened_at, zone), "lucky": line}
                        for each in known for line in _reading.lines(read.get(each.id, ""), _reading.LUCKY)]
    quarters = _quarters(known, read, entries, zone)
    again = [row for row in factors if isinstance(row["incidents"], tuple) and len(row["incidents"]) > 1]
    title = f"{again[0]['factor']} comes back: {', '.join(_names(again[0]))}" if again else \
        f"No factor comes back in {counted(len(read), 'finished post-mortem')}"
    untagged = [name for name, text in read.items() if not _reading.tags(text)]
    said = (Text(f"Without tags, so not counted among the factors: {', '.join(untagged)}."),) if untagged else ()
    parts = (Facts({"incidents": len(known), "post_mortems_read": len(read)}),
             Table.of("quarters", quarters, "quarter", "incidents", "by_monitor", "by_person", "checks", "factors",
                      title="By quarter"),
             Table.of("factors", factors, Column("factor", worth=2), "times", "incidents", "open_actions",
                      title="Contributing factors"),
             Table.of("lucky", lucky, "incident", "quarter", Column("lucky", "where we got lucky")), *said)
    return View(title, Status.WARN if again else Status.DONE, parts,
                (Action("What is promised?", ("postmortem", "actions")),))


def _names(row: Row) -> tuple[str, ...]:
    return found if isinstance(found := row["incidents"], tuple) else ()


def quarter(at: datetime, zone: tzinfo) -> str:
    """The quarter of a moment where the project is: `2013-Q3`."""
    local = at.astimezone(zone)
    return f"{local.year}-Q{(local.month + 2) // 3}"


def _finished(session: Session, entries: Sequence[Entry]) -> dict[str, str]:
    """The finished post-mortems as they were kept, by incident."""
    found = {}
    for name, state in folds.postmortems(entries).items():
        if state.state == "finished":
            try:
                found[name] = session.data().object(state.document).decode("utf-8", "replace")
            except NotFound:  # it was erased
                continue
    return found


def _factors(known: Sequence[Incident], read: Mapping[str, str], entries: Sequence[Entry]) -> list[Row]:
    """Each tag with the incidents that have it, the most frequent first."""
    found: dict[str, list[str]] = {}
    for each in known:
        for tag in _reading.tags(read.get(each.id, "")):
            found.setdefault(tag, []).append(each.id)
    return [{"factor": f"#{tag}", "times": len(names), "incidents": tuple(names),
             "open_actions": tuple(item.id for name in names for item in open_actions_of(entries, name))}
            for tag, names in sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))]


def _quarters(known: Sequence[Incident], read: Mapping[str, str], entries: Sequence[Entry],
              zone: tzinfo) -> list[Row]:
    alerts = folds.alerts(entries)
    rows: list[Row] = []
    for name in sorted({quarter(each.opened_at, zone) for each in known}, reverse=True):
        mine = [each for each in known if quarter(each.opened_at, zone) == name]
        checks = [alerts[each.alerts[0]].check for each in mine if each.by_alert and each.alerts[0] in alerts]
        rows.append({"quarter": name, "incidents": len(mine), "by_monitor": len(checks),
                     "by_person": len(mine) - len(checks), "checks": tuple(dict.fromkeys(checks)),
                     "factors": tuple(f"#{tag}" for tag in dict.fromkeys(
                         tag for each in mine for tag in _reading.tags(read.get(each.id, "")))),
                     "lucky": sum(len(_reading.lines(read.get(each.id, ""), _reading.LUCKY)) for each in mine)})
    return rows
