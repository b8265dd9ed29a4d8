"""A new master key, and every version put under it while everybody goes on reading."""

from mlops_tui.capability import Plan, act
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.governance._vaulted import KEEP, standing
from mlops_tui.governance.vault import vault
from mlops_tui.models import sealing
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View, counted
from store.facts import Kept


@act(of=vault)
def rotate(session: Session) -> Plan:
    """Make a new master key and put every sealed version under it; no byte of a model is rewritten.

    Where a rotation was begun and did not end, that one is finished. A key from the environment is rotated by naming
    another variable in mlops.yaml, with both set. The old key stays until `vault destroy-key`.

    \b
    Example: mlops-tui vault rotate
    """
    sealing.local(session)
    found = standing(session)
    if not found.active:
        raise BadInput("There is no key yet.", next="Try: mlops-tui vault seal")
    begun = bool(found.behind)
    facts: dict[str, Cell] = {"active_key": found.active, "versions": len(found.behind if begun else found.places),
                              "new_key": not begun, "unreadable": len(found.broken) + len(found.lost)}
    title = f"The rotation to key {found.active[:8]} would be finished" if begun else \
        f"{counted(len(found.places), 'sealed model')} would be put under a new key"
    return Plan(View(title, Status.CONFIRM, (Facts(facts), Text(KEEP))),
                lambda: _rotated(session, found.active, begun=begun))


def _rotated(session: Session, before: str, *, begun: bool) -> View:
    """The new key first, then each header by itself: whoever is killed has versions under both, and all are read."""
    keys = sealing.local(session).keys
    with keys.held(alone=True):
        if keys.active() != before:
            raise Conflict("Somebody else rotated the key meanwhile.", next="Look at the plan again.")
        active = before if begun else keys.made()
        if not begun:
            keys.activate(active)
    sealing.told(session)
    count = 0
    while behind := standing(session).behind:
        for done, place in enumerate(behind):
            session.progress(done, len(behind), f"to key {active[:8]}")
            with keys.held(alone=True):
                if place.path.parent.is_dir():  # else it was archived or removed since: looked for again
                    sealing.local(session).rewrap(place, active)
                    count += 1
    session.ledger.append(Kept(subject=active, event="rotated", key=active, previous="" if begun else before,
                               origin=keys.of(active), count=count))
    after = standing(session)
    left = len(after.broken) + len(after.lost)
    old = [key for key in after.keys if key != active and not after.on(key)]
    facts: dict[str, Cell] = {"key": active, "versions": count, "unreadable": left}
    title = f"{counted(count, 'sealed model is', 'sealed models are')} under key {active[:8]}"
    return View(f"{title}; {left} cannot be read" if left else title, Status.WARN if left else Status.DONE,
                (Facts(facts), Text(KEEP)),
                (*(Action(f"Destroy {key[:8]}", ("vault", "destroy-key", key)) for key in old if not left),
                 Action("How it stands", ("vault", "status"))))
