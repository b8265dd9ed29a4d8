"""How a session is built: the project found, its history and data opened, the actor known."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from mlops_tui.commands import perform
from mlops_tui.declarations.kinds import Person
from mlops_tui.errors import BadInput, NotDeclared, nearest
from mlops_tui.inputs.moments import moment
from mlops_tui.project import Project, single_user
from mlops_tui.roles import ROLES, Actor
from mlops_tui.session import Clock, Progress, ReplayClock, Session, SystemClock, login, quiet, shown_name
from store.lake import Lake
from store.ledger import Ledger
from store.modelfiles import Origin, Policy
from store.tracking import Tracking


def open_project(root: Path, *, person: str = "", source: str = "terminal", read_only: bool = False,
                 as_of: datetime | str | None = None, progress: Progress = quiet,
                 clock: Clock | None = None) -> Session:
    """A session on the project in `root`, for the person named or the one logged in.

    A text as `as_of` is read as people of the project write times: by its zone, or `2h ago` by its clock.
    """
    project = Project(root)
    settings, zone = project.settings, project.zone
    actor = actor_of(project, person, source)
    url = _located(settings.stores.ledger, root)
    ledger = Ledger(url, clock or SystemClock(), shown_name(actor))
    if clock is None and settings.clock == "replay":
        clock = ReplayClock(_last_moment(ledger))
    ledger.clock = clock or SystemClock()
    if isinstance(as_of, str):
        as_of = moment(as_of, zone, ledger.clock())
    history = ledger.closed(until=as_of) if read_only or as_of else ledger
    return Session(actor=actor, project=project, ledger=history, lake=Lake(root / settings.stores.lake),
                   clock=ledger.clock, read_only=read_only, as_of=as_of, progress=progress, door=perform,
                   open_tracking=_tracking(project), directory=root, single_user=single_user(project.team))


def actor_of(project: Project, name: str, source: str) -> Actor:
    """Who is asking. Where nobody has a login, roles are advisory and the user of the machine has all of them."""
    people = project.team.people
    if name:
        if name not in people:
            known = f"People: {', '.join(people)}." if people else "Nobody is declared."
            raise NotDeclared(f"No person '{name}' in team.yaml.", next=nearest(name, people) or known)
        person = people[name]
        if not person.simulated and person.login != login():
            raise BadInput(f"'{name}' is a real person; only {name} can act as {name}.")
        return _actor(name, person, source)
    user = login()
    mine = next(((key, person) for key, person in people.items() if person.login == user), None)
    if mine:
        return _actor(*mine, source)
    return Actor(user, frozenset(ROLES) if single_user(project.team) else frozenset({"viewer"}), source)


def _actor(name: str, person: Person, source: str) -> Actor:
    for role in person.roles:
        if role not in ROLES:
            raise BadInput(f"'{role}' is not a role.", where=f"team.yaml, {name}",
                           next=nearest(role, ROLES) or f"Roles: {', '.join(ROLES)}.")
    return Actor(name, frozenset(person.roles), source, person.simulated)


def _located(url: str, root: Path) -> str:
    """A relative SQLite path taken from the project folder."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/"):
        return f"{prefix}{root / url.removeprefix(prefix)}"
    return url


def _last_moment(ledger: Ledger) -> datetime:
    """Where the replayed world stands: the time of the last entry, or its beginning."""
    return ledger.latest() or datetime(1970, 1, 1, tzinfo=UTC)


def _tracking(project: Project) -> Callable[[], Tracking]:
    @cache
    def opened() -> Tracking:
        return Tracking(_located(project.settings.stores.mlflow, project.root), project.root / ".mlops" / "artifacts",
                        _kept(project), os.environ)

    return opened


def _kept(project: Project) -> Policy:
    """How mlops.yaml wants models kept; the variables that it names are those of this process."""
    wanted = project.settings.vault
    origin = Origin("key", wanted.key_env) if wanted.key_env else \
        Origin("passphrase", wanted.passphrase_env) if wanted.passphrase_env else Origin()
    return Policy(seal=wanted.models == "encrypted", sign=wanted.signatures != "none",
                  require=wanted.signatures == "required",
                  signers=tuple(project.root / each for each in wanted.signers), origin=origin)
