"""The alerts that somebody has to look at."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.alerts import alertstate
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.capability import look
from mlops_tui.response import _words
from mlops_tui.response.alert import alert
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Part, Row, Status, Table, View, counted


@look(of=alert, fold=True)
@click.option("--all", "everything", is_flag=True, help="Resolved alerts too, and how often each monitor was right.")
def list_(session: Session, everything: bool) -> View:
    """Open alerts, the gravest and dearest first.

    \b
    Example: mlops-tui alert list --all
    """
    session.declared()
    now, entries = session.now(), session.ledger.entries("alert", "finding")
    known = {each.id: each for each in alertstate.priced(folds.alerts(entries).values(), entries)}
    shown = sorted((each for each in known.values() if everything or each.open), key=_gravest)
    going = [each for each in known.values() if each.open and each.state != "recovered"]
    parts: tuple[Part, ...] = (_table(session, shown, known), *((_rules(list(known.values())),) if everything else ()))
    actions = tuple(Action(f"Look at {each.id}", ("alert", "show", each.id)) for each in shown[:3])
    return View(_title(going, now), Status.WARN if going else Status.PASS, parts, actions)


def _title(going: Sequence[Alert], now: datetime) -> str:
    """How many need somebody, and how many are kept quiet by what."""
    quiet = [each for each in going if each.quiet(now)]
    silent = [each for each in quiet if each.silent(now)]
    loud, muted = len(going) - len(quiet), len(quiet) - len(silent)
    said = counted(loud, "alert needs somebody", "alerts need somebody") if loud else "No alert needs anybody"
    if silent:
        grave = " (critical!)" if any(each.severity == "critical" for each in silent) else ""
        said += f"; {counted(len(silent), 'is silenced', 'are silenced')} and not over{grave}"
    return f"{said}; {counted(muted, 'is muted', 'are muted')} by late data" if muted else said


def _gravest(each: Alert) -> tuple[bool, bool, tuple[int, float], datetime]:
    return not each.open, each.muted, each.gravity, each.opened_at


def _table(session: Session, shown: Sequence[Alert], known: Mapping[str, Alert]) -> Table:
    now = session.now()
    rows: list[Row] = [{"alert": each.id, "state": each.standing(now), "severity": each.severity, "title": each.title,
                        "about": each.about, "since": each.opened_at, "owner": each.owner, "fired": each.fired,
                        "until": each.silent_until(now), "monitor": each.monitor,
                        "check": each.check, "runbook": each.runbook, "finding": each.finding,
                        "real": each.real, "why": _words.why_quiet(session, each, known) or None,
                        "loss": _words.loss(each.loss) or None, "loss_a_day": each.loss.get("value"),
                        "unit": each.loss.get("unit"), "page": each.page, "group": each.together,
                        "muted_by": each.muted_by or None} for each in shown]
    more = [Column(name, label) for name, label in (("loss", "costs"), ("why", "why quiet"))
            if any(row[name] for row in rows)]
    return Table.of("alerts", rows, "alert", "state", "severity", "title", *more, "about", "since", "owner", "fired")


def _rules(known: Sequence[Alert]) -> Table:
    """How often each monitor's alerts were real, of those that somebody judged."""
    rows: list[Row] = []
    for monitor in dict.fromkeys(each.monitor for each in known):
        judged = [each.real for each in known if each.monitor == monitor and each.real is not None]
        rows.append({"monitor": monitor, "alerts": sum(each.monitor == monitor for each in known),
                     "real": judged.count(True), "noise": judged.count(False),
                     "precision": judged.count(True) / len(judged) if judged else None,
                     "reason": "" if judged else "none was judged real or noise yet"})
    return Table.of("rules", rows, "monitor", "alerts", "real", "noise", Column("precision", share=True),
                    title="How often they were right")
