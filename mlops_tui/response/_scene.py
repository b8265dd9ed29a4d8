"""What is known around an alert when somebody is woken by it: what it touches, what came before, what helps safely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from mlops_tui import folds
from mlops_tui.alerts import alertstate, changes, oncall, safe, upstream
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.safe import Scene
from mlops_tui.render import cells
from mlops_tui.response import _newest, _timeline, _words
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, lasting
from store.facts import Finding
from store.ledger import Entry

KINDS = ("alert", "finding", "incident", "runbook", "trained", "oncall", *changes.KINDS)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True)
class Around:
    """An alert with everything that happened near it."""

    session: Session
    alert: Alert
    known: Mapping[str, Alert]
    entries: Sequence[Entry]
    cause: Finding | None

    @property
    def model(self) -> str:
        """The model it is about, also by way of an endpoint; empty where about none."""
        project, name = self.session.declared(), self.alert.about.partition("@")[0]
        endpoint = project.endpoints.get(name)
        name = endpoint.model.partition("@")[0] if endpoint is not None else name
        return name if name in project.models else ""

    @property
    def incidents(self) -> tuple[str, ...]:
        return tuple(each.id for each in folds.incidents(self.entries).values() if self.alert.id in each.alerts)

    def scene(self) -> Scene:
        """What the rule of safe actions asks."""
        project = self.session.declared()
        feeds = upstream.feeds(project).get(self.alert.about.partition("@")[0], frozenset())
        change = changes.last_change(self.entries, self.alert, self.model, feeds)
        since = changes.change_since(self.entries, self.alert, self.model, feeds)
        opened = [each for each in folds.incidents(self.entries).values() if each.open and self.alert.id in each.alerts]
        incident = opened[-1].id if opened else ""
        runs = [run for run in folds.runbook_runs(self.entries).values() if run.open and incident == run.incident
                and (incident or run.about == self.alert.about)]
        previous = folds.model_state(self.entries, self.model).previous if self.model else ""
        firing = [each for each in self.known.values() if each.monitor == self.alert.monitor and each.state == "firing"]
        return Scene(self.alert, self.session.now(), self.model, previous, change, incident,
                     runs[-1].id if runs else "", len(firing), since)

    def first(self, scene: Scene) -> dict[str, Cell]:
        """What is asked first at three in the morning, in its order; what is not known is left out."""
        alert, zone = self.alert, self.session.declared().zone
        acked = [entry.recorded_at for entry in self.entries
                 if entry.subject == alert.id and getattr(entry.fact, "event", "") in ("acked", "assigned")]
        on_it = f"{alert.owner} since {cells.moment(acked[-1], zone)}" if alert.owner and acked else alert.owner
        on_it = f"{on_it}, not taken up yet" if on_it and alert.state == "firing" else on_it
        meant = self.meant()
        nobody = f"nobody yet{f' ({meant})' if meant else ''}" if alert.open else ""
        said: dict[str, Cell] = {
            "loss": _words.loss(alert.loss), "touches": self._touches(), "since": alert.opened_at,
            "changed": _before(alert, scene.change), "since_then": _after(scene.since, zone),
            "by_now": self._by_now(), "on_it": on_it or nobody}
        return {name: value for name, value in said.items() if value not in ("", None)}

    def _by_now(self) -> str:
        """What its monitor found last, where that is not what it fired by any more; its title stays that."""
        found = _newest.newest(self.entries, self.alert.monitor) if self.alert.open else None
        if found is None or found[0].seq == _newest.fired_by(self.alert, self.entries)[0] or found[1].value is None:
            return ""
        entry, fact = found
        interval = f" [{fact.low:.3g}, {fact.high:.3g}]" if fact.low is not None and fact.high is not None else ""
        at = cells.moment(entry.effective_at, self.session.declared().zone)
        return f"{fact.status} {fact.value:.3g}{interval} at {at}"

    def meant(self) -> str:
        """Whom it is for; empty where its rule names nobody."""
        route, now = self.alert.route, self.session.now()
        return oncall.said(self.session.declared(), oncall.swaps(self.entries), route, now) if route else ""

    def _touches(self) -> str:
        """How many predictions a day, or rows, its finding is about."""
        if self.cause is None or not self.cause.n:
            return ""
        if not self.model:
            return f"{self.cause.n:,} rows"
        start, end = (_timeline.parsed(each) for each in self.cause.window)
        days = (end - start) / DAY if start is not None and end is not None else 0
        if days < 1:
            return f"{self.cause.n:,} predictions"
        return f"~{_words.rough(self.cause.n / days)} predictions a day"

    def steps(self, scene: Scene) -> tuple[Action, ...]:
        """The safe actions, how what was pressed is taken back, then what tells more."""
        found, again = self.alert, _newest.again(self.alert, self.session.declared().monitors)
        if found.muted and found.muted_by in self.known:
            return (Action(f"What mutes it: {found.muted_by}", ("alert", "show", found.muted_by)),
                    *safe.ranked(scene)[:1], *again, *safe.undone(scene))
        if not found.open:
            rule = found.monitor in self.session.declared().monitors
            return (*((Action("How has its rule done?", ("alert", "rules", found.monitor)),) if rule else ()),
                    *safe.undone(scene))
        more = [Action("Why?", ("why", found.id))] if self.model else []
        more += again if found.state != "recovered" else ()
        more += [Action("Its runbook", ("runbook", "show", found.runbook))] if found.runbook else []
        noise = Action("It was noise", ("alert", "resolve", found.id, "--noise"))
        return (*safe.ranked(scene), *safe.undone(scene), *more, noise)


def around(session: Session, name: str) -> Around:
    """The alert of that name as it stands; NotFound says which there are."""
    entries = session.ledger.entries(*dict.fromkeys(KINDS))
    known = folds.alerts(entries)
    [found] = alertstate.priced([folds.known(known, name, "alert")], entries)
    return Around(session, found, known, entries, _newest.fired_by(found, entries)[1])


def _before(alert: Alert, change: changes.Change | None) -> str:
    """`12 min after promotion of version 14`; it need not be the cause."""
    if change is None:
        return ""
    past = alert.opened_at - change.at
    return f"{lasting(past) if past >= SECOND else 'right'} after {change.what}"


def _after(change: changes.Change | None, zone: tzinfo) -> str:
    """`promotion of version 15, 2013-09-22 06:00 EDT`."""
    return "" if change is None else f"{change.what}, {cells.moment(change.at, zone)}"
