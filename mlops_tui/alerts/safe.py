"""What somebody who was just woken can safely do about an alert, the best first, and how it is taken back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.changes import Change
from mlops_tui.alerts.raising import OWN
from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.view import Action

SUSPECT = timedelta(days=3)  # a promotion so shortly before is looked at first
OUTCOMES = ("performance", "calibration")
HOLD = "4h"


@dataclass(frozen=True)
class Scene:
    """What is known around an alert: the model it is about and the champion before this one, what came before, the
    open incident and the runbook run it is in, how many alerts a hold would mute, what was changed since."""

    alert: Alert
    now: datetime
    model: str = ""
    previous: str = ""
    change: Change | None = None
    incident: str = ""
    run: str = ""
    mutes: int = 0
    since: Change | None = None

    @property
    def suspect(self) -> bool:
        """Whether the version that serves came shortly before."""
        return (self.change is not None and self.change.kind == "promotion" and self.since is None
                and self.alert.opened_at - self.change.at <= SUSPECT)


def ranked(scene: Scene) -> tuple[Action, ...]:
    """Take it up; go back where a promotion came just before; the incident and its runbook; then what only buys time.

    A critical alert is held last: who is asleep should not be the one who is not told.
    """
    alert = scene.alert
    if not alert.open:
        return ()
    steps = [*_taken(scene)]
    back = [*_back(scene)]
    worked = [*_worked(scene)]
    hold = [*_held(scene)]
    if scene.suspect:
        return (*steps, *back, *worked, *hold)
    if alert.flapping or alert.severity in GRAVE[-2:]:
        return (*steps, *hold, *worked, *back)
    return (*steps, *worked, *back, *hold)


def undone(scene: Scene) -> tuple[Action, ...]:
    """How what was pressed is taken back."""
    alert = scene.alert
    if not alert.open:
        return (Action("Open it again", ("alert", "reopen", alert.id)),)
    back = []
    if alert.owner and alert.state in ("acked", "firing"):
        back.append(Action("Undo: give it back", ("alert", "unack", alert.id)))
    back += [Action(f"Undo: hear {each} again", ("alert", "unsilence", each)) for each in _quieting(scene)]
    return tuple(back)


def _quieting(scene: Scene) -> Iterator[str]:
    """What keeps it silent now: its own silence, or those by matcher."""
    alert = scene.alert
    if alert.until and scene.now < datetime.fromisoformat(alert.until):
        yield alert.id
    yield from (each.id for each in alert.silences if each.active(scene.now))


def _taken(scene: Scene) -> Iterator[Action]:
    if scene.alert.state == "firing":
        yield Action("I am on it", ("alert", "ack", scene.alert.id))


def _back(scene: Scene) -> Iterator[Action]:
    """To the champion before; offered for what its answers can have caused."""
    if scene.model and scene.previous and scene.alert.state in ("firing", "acked") and scene.alert.check not in OWN:
        yield Action(f"Back to version {scene.previous}…", ("promote", "--rollback", scene.model))


def _worked(scene: Scene) -> Iterator[Action]:
    alert = scene.alert
    if alert.state == "recovered" and not scene.incident:
        return
    if alert.check == "alias":
        yield Action("Put it back…", ("promote", f"{alert.about}@champion"))
    elif alert.check in OWN:
        yield Action("What was done", ("promote", "--history", alert.about))
    if scene.incident:
        yield Action(f"Its incident {scene.incident}", ("incident", "show", scene.incident))
    else:
        yield Action("Open an incident", ("incident", "open", "--alert", alert.id))
    if scene.run:
        yield Action(f"Go on with {scene.run}", ("runbook", "resume", scene.run))
    elif alert.runbook:
        where = ("--incident", scene.incident) if scene.incident else ("--about", alert.about)
        yield Action("Run its runbook", ("runbook", "run", alert.runbook, *where))
    if scene.model and alert.check in OUTCOMES:
        yield Action("Compare remedies", ("remedy", scene.model))


def _held(scene: Scene) -> Iterator[Action]:
    if scene.alert.state in ("firing", "acked") and not scene.alert.silent(scene.now):
        more = f", mutes {scene.mutes}" if scene.mutes > 1 else ""
        yield Action(f"Hold {HOLD.removesuffix('h')} h{more}…", ("alert", "silence", scene.alert.id, "--for", HOLD))
