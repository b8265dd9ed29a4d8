"""One command for each of several rows: what would be done, told before anything is, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_tui import asking
from mlops_tui.errors import Refusal
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.view import Row, Status, Table, Text, View, counted, worst

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Each:
    """A command that will be run, and the plan that is agreed to with all the others; some ask for no agreement."""

    argv: Argv
    consent: str | None = None


@dataclass(frozen=True)
class Plans:
    """What would be done, as it is shown, and what can be; `reason`: there are judgements, and none was given."""

    view: View
    every: tuple[Each, ...]
    reason: bool = False


def planned(session: Session, argvs: Sequence[Argv], reason: str | None, left_out: int = 0) -> Plans:
    """What each of the commands would do; nothing is done."""
    rows, every, asks = list[Row](), list[Each](), False
    for argv in argvs:
        status, told, each = _planned(session, argv, reason)
        rows.append({"status": status, "command": " ".join(argv), "what": told})
        every += [each] if each is not None else []
        call = asking.call_of(session, argv)
        asks |= call is not None and call.shape is Shape.DECIDE and not reason
    notes = [Text(f"{counted(left_out, 'marked row')} of another kind: left out.")] if left_out else []
    title = f"{counted(len(every), 'command')} of {len(argvs)} can be run" if len(every) < len(argvs) else \
        f"{counted(len(every), 'command')} will be run, one after the other"
    table = Table.of("plan", rows, "command", "what")
    return Plans(View(title, Status.CONFIRM if every else Status.FAIL, (table, *notes)), tuple(every), asks)


def _planned(session: Session, argv: Argv, reason: str | None) -> tuple[Status, str, Each | None]:
    call = asking.call_of(session, argv)
    if call is None or not asking.may(session, call):
        return _refused(session, argv, reason)
    if not (call.shape is Shape.ACT and call.confirm) or call.command in asking.LONG:
        return Status.CONFIRM, "", Each(argv)
    reply = asking.ask(session, argv, None, reason)
    if not isinstance(reply, asking.Plan):
        return _refused(session, argv, reason)
    if reply.named:
        return Status.DENIED, "This cannot be taken back: it is done to one at a time.", None
    return Status.CONFIRM, reply.view.title, Each(argv, reply.digest)


def _refused(session: Session, argv: Argv, reason: str | None) -> tuple[Status, str, None]:
    """Why it will not be done: the door says so, and nothing has happened."""
    view = session.perform(argv, reason=reason, dry_run=True).view
    return view.status, view.title, None


def done(session: Session, every: Sequence[Each], reason: str | None) -> View:
    """Run the commands, whatever becomes of those before; what came of each."""
    rows = [_done(session, each, reason) for each in every]
    status = worst((row["status"] for row in rows if isinstance(row["status"], Status)), Status.DONE)
    failed = sum(row["status"] in (Status.ERROR, Status.DENIED, Status.FAIL) for row in rows)
    title = f"{counted(len(rows), 'command')} run" + (f", {failed} of them refused or failed" if failed else "")
    return View(title, Status.DONE if status is Status.PASS else status, (
        Table.of("commands", rows, "status", "command", "answer"),))


def _done(session: Session, each: Each, reason: str | None) -> Row:
    command = " ".join(each.argv)
    try:
        reply = asking.ask(session, each.argv, each.consent, reason)
    except Refusal as problem:
        return {"status": Status.ERROR, "command": command, "answer": str(problem)}
    match reply:
        case asking.Answer():
            return {"status": reply.view.status, "command": command, "answer": reply.view.title}
        case asking.Begun():
            return {"status": Status.RUNNING, "command": command, "answer": f"job {reply.job} has begun"}
        case asking.Plan():
            return {"status": Status.FAIL, "command": command, "answer": "What it would do has changed meanwhile."}
        case asking.ReasonWanted():
            return {"status": Status.FAIL, "command": command, "answer": "It wants a reason, and none was given."}
