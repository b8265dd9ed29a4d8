"""An old master key destroyed, once nothing is under it any more."""

import click

from mlops_tui.capability import Plan, Shut, act
from mlops_tui.errors import BadInput, Conflict, NotFound, nearest
from mlops_tui.governance._vaulted import Standing, standing
from mlops_tui.governance.vault import vault
from mlops_tui.models import sealing
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View, counted
from store.facts import Kept

GONE = ("What is still sealed under it elsewhere, in a backup or a copy, becomes unreadable for good. A key from the "
        "environment is only forgotten here: remove it from where it is kept.")


@act(of=vault)
@click.argument("key")
def destroy_key(session: Session, key: str) -> Plan | Shut:
    """Destroy the master key KEY (its first digits are enough). Refused while a version or an archive is under it.

    \b
    Example: mlops-tui vault destroy-key 3f9a12c4
    """
    sealing.local(session)
    found = standing(session)
    id = _named(session, found, key)
    against = _against(found, id)
    facts: dict[str, Cell] = {"key": id, "versions": len(found.on(id)), "unreadable": len(found.broken)}
    if against:
        return Shut(View(f"The key {id[:8]} must be kept: {against}", Status.FAIL, (Facts(facts),),
                         (Action("Put all under a new key", ("vault", "rotate")),)), ())
    return Plan(View(f"The key {id[:8]} would be destroyed", Status.CONFIRM, (Facts(facts), Text(GONE))),
                lambda: _destroyed(session, id))


def _against(found: Standing, id: str) -> str:
    if id == found.active:
        return "new models are sealed under it"
    if found.on(id):
        return f"{counted(len(found.on(id)), 'sealed model is', 'sealed models are')} under it"
    return f"{counted(len(found.broken), 'header')} cannot be read, and may name it" if found.broken else ""


def _named(session: Session, found: Standing, key: str) -> str:
    """The one key that begins like that: one that is here, or that was removed before the history could be told."""
    known = dict.fromkeys(found.keys)
    for entry in session.ledger.entries("vault"):
        if isinstance(fact := entry.fact, Kept) and fact.event in ("created", "destroyed"):
            if fact.event == "created":
                known[fact.key] = None
            elif fact.key not in found.keys:
                known.pop(fact.key, None)
    ours = [each for each in known if len(key) >= 4 and each.startswith(key)]
    if not ours:
        raise NotFound(f"No key '{key}'.", next=nearest(key, known) or "Try: mlops-tui vault status")
    if len(ours) > 1:
        raise BadInput(f"'{key}' begins {len(ours)} keys.", next=f"Write more of it: {', '.join(ours)}.")
    return ours[0]


def _destroyed(session: Session, id: str) -> View:
    keys = sealing.local(session).keys
    with keys.held(alone=True):  # nobody seals anything under it between the look and the deed
        if against := _against(standing(session), id):
            raise Conflict(f"The key {id[:8]} must be kept by now: {against}.", next="Look at the plan again.")
        keys.destroy(id)
    session.ledger.append(Kept(subject=id, event="destroyed", key=id))
    return View(f"The key {id[:8]} is destroyed", Status.DONE, (Facts({"key": id}), Text(GONE)),
                (Action("How it stands", ("vault", "status")),))
