"""Whether the installation and the project are sound, and what to do where they are not."""

import os
import platform
import re
import shlex
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from mlops_tui.alerts import oncall, paging
from mlops_tui.alerts.coverage import covered
from mlops_tui.capability import look
from mlops_tui.core._references import dangling
from mlops_tui.declarations import keymap
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.marker import MARKER
from mlops_tui.errors import Refusal
from mlops_tui.models import sealing
from mlops_tui.oversight import aliases
from mlops_tui.project import FOLDERS, READERS, Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, View, counted, worst
from store.backlog import backlog
from store.ledger import Ledger

PACKAGES = ("mlops_tui", "bots", "store", "runbooks", "templates")
NEWEST = (3, 11)
LEAST_DISK = 1 << 30
AHEAD = timedelta(days=28)
READ_ELSEWHERE = (".yaml", ".yml", ".sql", ".md")
HOLD_CODE = ("feature", "pipeline")  # SQL and notes of the steps lie beside the declarations


@look
def doctor(session: Session) -> View:
    """Look over the installation, the stores and every declaration.

    \b
    Example: mlops-tui doctor
    """
    rows = [*_installation(), *_disk(session.directory), *_keys()]
    if session.project is None:
        rows.append(_row("project", Status.WARN, f"none in {session.directory}", "mlops-tui init"))
    else:
        rows += [*_ledger(session), *_lake(session), *_tracking(session.project), *_vault(session),
                 *_aliases(session), *declared(session.project), *_covered(session.project),
                 *_paging(session, session.project), *_slack(session, session.project),
                 *_on_call(session, session.project), *_routes(session, session.project)]
    bad = [row for row in rows if row["status"] in (Status.FAIL, Status.WARN)]
    status = worst([Status(str(row["status"])) for row in rows])
    title = f"{len(bad)} of {len(rows)} checks need a look" if bad else f"All {len(rows)} checks pass"
    facts = Facts({"python": platform.python_version(), "platform": platform.platform(terse=True),
                   "mlops_tui": _version(), "project": str(session.project.root) if session.project else None})
    table = Table.of("checks", sorted(rows, key=lambda row: row not in bad), "status", "check", "detail", "fix")
    return View(title, status, (facts, table, _extras()),
                () if session.project else (Action("Begin a project", ("init",)),))


def _aliases(session: Session) -> Iterator[Row]:
    """Whether the registry's alias of each model is where the history says."""
    try:
        found = list(aliases.looked(session))
    except Refusal:  # a declaration that cannot be read has a row of its own
        return
    for each in found:
        status = {"follows": Status.PASS, "missed": Status.WARN, "foreign": Status.FAIL}[each.state]
        yield _row(f"alias {each.model}", status, each.said, "" if status is Status.PASS else
                   f"mlops-tui {shlex.join(aliases.put_back(each.model, each.champion).argv)}")


def _row(check: str, status: Status, detail: str, fix: str = "") -> Row:
    return {"check": check, "status": status, "detail": detail, "fix": fix}


def _version() -> str:
    try:
        return version("mlops-tui")
    except PackageNotFoundError:
        return "not installed"


# -- the installation -----------------------------------------------------------------------------------------------


def _installation() -> Iterator[Row]:
    good = sys.version_info >= NEWEST
    yield _row("python", Status.PASS if good else Status.FAIL, f"{platform.python_version()}, {sys.executable}",
               "" if good else "Install Python 3.11 or newer.")
    yield from _origins()
    missing = sorted(name for name in _required("") if not _installed(name))
    yield _row("packages", Status.FAIL if missing else Status.PASS,
               f"missing: {', '.join(missing)}" if missing else "everything it needs is installed",
               "pip install -r requirements.lock" if missing else "")


def _origins() -> Iterator[Row]:
    """Whether each of our five packages is ours: all from the folder that mlops_tui itself came from."""
    home = _folder("mlops_tui")
    kind = "checkout" if home is not None and (home / "pyproject.toml").is_file() else "wheel"
    for name in PACKAGES:
        found = _folder(name)
        ours = found is not None and found == home
        yield _row(f"package {name}", Status.PASS if ours else Status.FAIL,
                   f"from the {kind} in {found}" if ours else f"from {found or 'nowhere'}, not from {home}",
                   "" if ours else "Something else bears its name: install mlops-tui in an environment of its own.")


def _folder(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).resolve().parent.parent if spec is not None and spec.origin else None


def _required(extra: str) -> list[str]:
    """The distributions that ours needs for an extra; with no extra, in any case."""
    try:
        lines = requires("mlops-tui") or []
    except PackageNotFoundError:
        return []
    mark = f"extra == '{extra}'"
    wanted = [line for line in lines if (mark in line.replace('"', "'") if extra else "extra ==" not in line)]
    return [found[0] for line in wanted if (found := re.match(r"[\w.-]+", line))]


def _extras() -> Table:
    """What can be installed besides, and whether it is."""
    try:
        names = metadata("mlops-tui").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        names = []
    rows: list[Row] = [{"extra": name, "needs": tuple(_required(name)),
                        "installed": all(map(_installed, _required(name))),
                        "how": f"pip install 'mlops-tui[{name}]'"} for name in names]
    return Table.of("extras", rows, "extra", "installed", "needs", title="Extras")


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _disk(folder: Path) -> Iterator[Row]:
    free = shutil.disk_usage(folder).free
    yield _row("disk", Status.PASS if free >= LEAST_DISK else Status.WARN, f"{free / (1 << 30):.1f} GiB free",
               "" if free >= LEAST_DISK else "Make room: mlops-tui snapshot gc")


def _keys() -> Iterator[Row]:
    """Whether one's own keys for the dashboard can be used; nothing where there are none."""
    try:
        own, path = keymap.mine(), keymap.place()
        if path.is_file():
            yield _row("keys", Status.PASS, f"{counted(len(own.changed()), 'key')} changed, set {own.set} ({path})")
    except Refusal as problem:
        for each in (problem, *getattr(problem, "also", ())):
            yield _row("keys", Status.FAIL, f"{each.what} ({each.where})", each.next)


# -- the stores -----------------------------------------------------------------------------------------------------


def _ledger(session: Session) -> Iterator[Row]:
    ledger: object = session.ledger
    if not isinstance(ledger, Ledger):
        yield _row("ledger", Status.FAIL, "there is no ledger")
        return
    broken = ledger.verify()
    yield _row("ledger chain", Status.PASS if broken is None else Status.FAIL,
               f"{ledger.head_seq()} entries, head {ledger.head()[:12]}" if broken is None else
               f"entry {broken.seq}: {broken.why}", "" if broken is None else "Restore it from a backup.")
    yield _tried("ledger", lambda: _lock(ledger, session), "it can be read and written", session)


def _lock(ledger: Ledger, session: Session) -> None:
    if not session.read_only:
        with ledger.locked():
            pass


def _lake(session: Session) -> Iterator[Row]:
    lake = session.data()

    def touched() -> None:
        with lake.staging() as folder:
            (folder / "probe").write_bytes(b"probe")
        lake.connect().execute("SELECT 1").fetchall()

    if session.read_only:
        yield _row("lake", Status.PASS if lake.root.exists() else Status.WARN, str(lake.root))
    else:
        yield _tried("lake", touched, "it can be read and written", session)


def _tried(check: str, attempt: Callable[[], None], good: str, session: Session) -> Row:
    try:
        attempt()
    except (OSError, Refusal, sqlite3.Error) as problem:
        return _row(check, Status.FAIL, str(problem), "Check that the folder exists, is yours, and is not full.")
    return _row(check, Status.PASS, f"{good}{' (not tried: read-only)' if session.read_only else ''}")


def _tracking(project: Project) -> Iterator[Row]:
    """The model registry, looked at without importing mlflow."""
    url = project.settings.stores.mlflow
    if url.startswith("sqlite:///"):
        path = project.root / url.removeprefix("sqlite:///")
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        good = os.access(nearest, os.W_OK)
        said = str(path) if path.exists() else f"{path}: will be made when the first model is trained"
        yield _row("model registry", Status.PASS if good else Status.FAIL, said, "" if good else "It is not writable.")
        return
    place = urlparse(url)
    shown = place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()  # a password is nobody's business
    try:
        port = place.port or (443 if place.scheme == "https" else 80)
        with socket.create_connection((place.hostname or "", port), 3):
            yield _row("model registry", Status.PASS, f"{shown} answers")
    except OSError as problem:
        yield _row("model registry", Status.FAIL, f"{shown}: {problem}", "Check `stores: mlflow:` in mlops.yaml.")


def _vault(session: Session) -> Iterator[Row]:
    """Whether the keys of what is sealed and those of the signers are at hand; nothing where there is no vault."""
    tracking = session.tracking()
    if not (tracking.policy.seal or tracking.policy.require or tracking.vault.keys.ids()):
        return

    def tried() -> None:
        under = {each.kek for each in sealing.sealed_places(session)} if tracking.local else set()
        for key in {tracking.vault.keys.active(), *under} - {""}:
            tracking.vault.keys.key(key)
        if tracking.policy.signers:
            tracking.vault.trusted()

    yield _tried("vault", tried, "its keys are at hand", session)


# -- the declarations -----------------------------------------------------------------------------------------------


def declared(project: Project) -> Iterator[Row]:
    """Every file is read by itself, so that all errors show and not only the first."""
    found = [(kind, path) for kind in READERS for path in sorted((project.root / FOLDERS[kind]).glob("*.*"))]
    read_ones = [(kind, path) for kind, path in found if path.suffix == f".{READERS[kind][0]}"]
    for kind, path in found:
        if path.suffix in READ_ELSEWHERE and kind not in HOLD_CODE and (kind, path) not in read_ones:
            yield _row(f"{kind} {path.name}", Status.WARN, "is not read",
                       f"{FOLDERS[kind]}/ holds .{READERS[kind][0]} files.")
    declared: dict[str, dict[str, Any]] = {kind: {} for kind in READERS}
    wrong = [row for kind, path in read_ones for row in _read(kind, path, declared[kind])]
    dead = list(_unreadable_settings(project)) or [
        _row(each.of, Status.FAIL, f"{each.what} ({each.where})", each.next) for each in dangling(project, declared)]
    yield from (*wrong, *dead)
    if not wrong:
        yield _row("declarations", Status.PASS, f"{len(read_ones)} files parse")


def _covered(project: Project) -> Iterator[Row]:
    """Whether every alert leads to a runbook; nothing where no monitor alerts, or where the files cannot be read."""
    try:
        found = covered(project.monitors, project.runbooks)
    except Refusal:  # said where the files are read
        return
    bare = [each for each in found if each.standing == "none"]
    if bare:
        names = ", ".join(each.monitor for each in bare)
        yield _row("runbooks", Status.WARN, f"no runbook for the alerts of {names}", "mlops-tui runbook coverage")
    elif found:
        yield _row("runbooks", Status.PASS, f"each of {counted(len(found), 'alert')} can be met with one")


def _paging(session: Session, project: Project) -> Iterator[Row]:
    """Alert rules that ask for more than they may have: to page, or to be critical, takes a back-test and a runbook."""
    tested = paging.backtests(session.ledger.entries("backtest"))
    for path in sorted((project.root / FOLDERS["monitor"]).glob("*.yaml")):
        found: dict[str, Monitor] = {}
        if list(_read("monitor", path, found)) or (policy := found[path.stem].alert) is None:
            continue
        missing = paging.lacks(policy, tested.get(path.stem), project.fingerprint("monitor", path.stem))
        if held := paging.lowered(policy, missing):
            fixes = [f"mlops-tui backtest {path.stem}"] * any("back-test" in each for each in missing)
            fixes += ["name one: alert: {runbook: …}"] * (not policy.runbook)
            yield _row(f"alert of {path.stem}", Status.WARN, held, "; ".join(fixes))


def _slack(session: Session, project: Project) -> Iterator[Row]:
    """Whether the bot lives, and whether something waits that nobody tries any more."""
    if project.settings.slack is None or not isinstance(session.ledger, Ledger):
        return
    found = backlog(session.ledger.connections)
    if found.silent is not None:
        yield _row("slack bot", Status.FAIL, f"no sign of it for {found.silent:,.0f} s", "Start it again: mlops-tui up")
    elif found.apart:
        yield _row("slack bot", Status.WARN, "it is at work, and Slack does not reach it", "mlops-tui slack doctor")
    given_up = found.unsaid + found.undone
    yield _row("slack letters", Status.WARN if given_up else Status.PASS,
               f"{found.unsaid} to Slack and {found.undone} from Slack were given up" if given_up else
               f"nothing was given up; {found.to_say + found.to_do} under way",
               "mlops-tui letter list" if given_up else "")


def _routes(session: Session, project: Project) -> Iterator[Row]:
    """Whether something waits on a route that nobody tries any more."""
    if (project.root / FOLDERS["route"]).is_dir() and isinstance(session.ledger, Ledger):
        found = backlog(session.ledger.connections)
        yield _row("route letters", Status.WARN if found.unsent else Status.PASS,
                   f"{found.unsent} were given up" if found.unsent else
                   f"nothing was given up; {found.to_send} under way", "mlops-tui route list" if found.unsent else "")


def _on_call(session: Session, project: Project) -> Iterator[Row]:
    """Where in the next weeks nobody is on call, or more than one."""
    now = session.now()
    try:
        swapped, plans = oncall.swaps(session.ledger.entries("oncall")), oncall.plans(project)
        for name, plan in plans.items():
            faults = plan.faults(swapped, now, now + AHEAD)
            said = f"{faults[0].what} from {faults[0].start.astimezone(plan.zone):%a %-d %b %H:%M %Z}" if faults else \
                f"somebody at every hour of the next {AHEAD.days} days"
            yield _row(f"on call, {name}", Status.WARN if faults else Status.PASS, said,
                       "mlops-tui oncall check" if faults else "")
    except Refusal as problem:
        yield _row("on call", Status.FAIL, f"{problem.what} ({problem.where})", problem.next)


def _read(kind: str, path: Path, into: dict[str, Any]) -> Iterator[Row]:
    """Everything that is wrong with one file; nothing where it parses, and is put into the declarations."""
    try:
        into[path.stem] = READERS[kind][1](path)
    except Refusal as problem:
        for each in (problem, *getattr(problem, "also", ())):
            yield _row(f"{kind} {path.stem}", Status.FAIL, f"{each.what} ({each.where or path})", each.next)
    except (OSError, UnicodeDecodeError) as problem:
        yield _row(f"{kind} {path.stem}", Status.FAIL, f"{problem} ({path})")


def _unreadable_settings(project: Project) -> Iterator[Row]:
    """What is wrong with the files of which there is one: without them, names cannot be followed."""
    for name, read_it in ((MARKER, lambda: project.zone), ("team.yaml", lambda: project.team)):
        try:
            read_it()
        except Refusal as problem:
            for each in (problem, *getattr(problem, "also", ())):
                yield _row(name, Status.FAIL, f"{each.what} ({each.where})", each.next)
