"""The command tree and `perform`: the one door through which every surface enters."""

import hashlib
import json
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from mlops_tui.capability import Call, HelpAsked, HelpOption, LocalPath, Plan, Resolved, Shut
from mlops_tui.errors import BadInput, Denied, NoCommand, Refusal, nearest
from mlops_tui.render.json import canonical
from mlops_tui.roles import DESTROYS, Shape
from mlops_tui.view import Action, Facts, Status, Text, View, refused

if TYPE_CHECKING:
    from mlops_tui.session import Session
    from store.facts import Finding

AREAS = ("core", "data", "features", "modeling", "monitoring", "response", "governance", "serving", "framing",
         "knowledge", "scale")
EVERYDAY = ("status", "demo", "init", "ingest", "pipeline", "train", "evaluate", "drift", "performance", "alert",
            "incident", "runbook", "promote", "approve")
HERE = Path(__file__).parent


def capability_files() -> dict[str, Path]:
    """Every capability by its stem, found by folder."""
    return {path.stem: path for area in AREAS for path in sorted((HERE / area).glob("*.py"))
            if not path.stem.startswith("_")}


def summary(path: Path) -> str:
    """The first line of a module's docstring, read without importing it."""
    with path.open(encoding="utf-8") as lines:
        return next(lines, "").strip().strip('"').strip()


class Tree(HelpOption, click.Group):
    """All capabilities; each is imported only when it is invoked."""

    def __init__(self) -> None:
        super().__init__("mlops-tui", help="The control room of an ML team. `mlops-tui NOUN --help` explains a noun.",
                         no_args_is_help=True)
        self.files = capability_files()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        path = self.files.get(cmd_name.replace("-", "_"))
        if path is None:
            return None
        command = getattr(import_module(f"mlops_tui.{path.parent.name}.{path.stem}"), path.stem.rstrip("_"))
        return command if isinstance(command, click.Command) else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Resolved:
        if args and self.get_command(ctx, args[0]) is None:
            raise NoCommand(f"No command '{args[0]}'.", next=nearest(args[0], self.files) or "Try: mlops-tui --help")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and first lines of the capabilities that begin so; none is imported."""
        return [CompletionItem(stem, help=summary(path)) for stem, path in self.files.items()
                if stem.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The everyday nouns first, the rest by area."""
        groups = [("Every day", [noun for noun in EVERYDAY if noun in self.files])]
        groups += [(area.capitalize(), [stem for stem, path in self.files.items()
                                        if path.parent.name == area and stem not in EVERYDAY]) for area in AREAS]
        for title, stems in groups:
            if stems:
                with formatter.section(title):
                    formatter.write_dl([(stem, summary(self.files[stem])) for stem in stems])


root = Tree()


@dataclass(frozen=True)
class Outcome:
    """What came of a command: the view, the exit code, and the error where there was one.

    Of a plan, `plan` is what consent is bound to, and `named` what a person has to type for it, where it destroys.
    """

    view: View
    exit: int
    error: dict[str, str] | None = None
    recorded: bool = True
    plan: str | None = None
    named: str = ""
    idempotent: bool = False


OWN_TRIAL = "dry_run"  # the flag of a command that can be tried without a plan to agree to
EXITS = {Status.PASS: 0, Status.DONE: 0, Status.WARN: 0, Status.RUNNING: 0, Status.FAIL: 1, Status.UNKNOWN: 1,
         Status.CONFIRM: 2, Status.ERROR: 3, Status.DENIED: 4}


def plan_digest(view: View, argv: Sequence[str]) -> str:
    """What consent is bound to: the command and the plan as it was shown."""
    return hashlib.sha256(json.dumps([list(argv), canonical(view)], sort_keys=True).encode()).hexdigest()


def parse(session: "Session", argv: Sequence[str]) -> Call:
    """The command line as a Call; HelpAsked, BadInput or a click error otherwise."""
    call = root.main(list(argv), prog_name="mlops-tui", obj=session, standalone_mode=False)
    if not isinstance(call, Call):
        raise HelpAsked(root.get_help(click.Context(root, info_name="mlops-tui")), "Help")
    return call


def named(argv: Sequence[str]) -> tuple[str, click.Command] | None:
    """The command that the words name, and its path such as `incident resolve`; None where they name none.

    Nothing is parsed beyond its name, nothing is run.
    """
    context = click.Context(root, info_name="mlops-tui", resilient_parsing=True)
    command = root.get_command(context, argv[0]) if argv else None
    if not isinstance(command, click.Group):
        return (argv[0], command) if command is not None else None
    second = argv[1] if len(argv) > 1 else ""
    verb = second if second in command.commands else getattr(
        command, "subject" if second and not second.startswith("-") else "bare", None) or ""
    found = command.commands.get(verb)
    return (f"{argv[0]} {verb}", found) if found is not None else None


def again(argv: Sequence[str]) -> tuple[str, ...]:
    """The words where saying them once more acts on nothing, and so may show the rest of an answer; else none."""
    found = named(argv)
    return () if found is not None and _shape(found[1], argv) in (Shape.ACT, Shape.DECIDE) else tuple(argv)


def names_file(argv: Sequence[str]) -> bool:
    """Whether the words name a file of the machine, which only its own terminal may: elsewhere they are shown, not
    done. Nothing is run; words that are no command name none."""
    try:
        found = named(argv)
        if found is None or not any(isinstance(each.type, LocalPath) for each in found[1].params):
            return False
        path, command = found
        verb = path.split(" ")[1:]
        rest = list(argv[1:] if verb != list(argv[1:2]) else argv[2:])
        given, _, _ = command.make_parser(click.Context(command, resilient_parsing=True)).parse_args(rest)
    except (click.ClickException, Refusal):
        return False
    return any(isinstance(given.get(str(each.name)), (str, list, tuple)) for each in command.params
               if isinstance(each.type, LocalPath))


def shapes(actions: Sequence[Action]) -> dict[tuple[str, ...], str]:
    """The shape of each action's command, as far as its words name one; nothing is run."""
    found = {action.argv: named(action.argv) for action in actions}
    return {argv: _shape(each[1], argv) for argv, each in found.items() if each is not None}


def _shape(command: click.Command, argv: Sequence[str]) -> str:
    """The command's shape; one of its options may make a look of it."""
    looks = getattr(command, "looks", "")
    return str(Shape.LOOK if looks and f"--{looks}" in argv else getattr(command, "shape", ""))


def perform(session: "Session", argv: Sequence[str], *, consent: str | None = None, reason: str | None = None,
            dry_run: bool = False, parse_only: bool = False) -> Outcome:
    """Run one command line for the session's actor. Never asks, never prints, never raises.

    `parse_only`: the answer is which command it is, and its shape; nothing is run, and nobody is refused.
    """
    call: Call | None = None
    try:
        session = session.entered()
        call = parse(session, argv)
        if parse_only:
            return Outcome(View(call.command, parts=(Facts({"shape": str(call.shape)}),)), 0)
        return _admitted(session, call, tuple(argv), consent, reason, dry_run)
    except HelpAsked as asked:
        return Outcome(View(asked.title, Status.DONE, (Text(asked.text),)), 0)
    except click.exceptions.NoArgsIsHelpError as problem:
        return Outcome(View("Help", Status.DONE, (Text(problem.format_message()),)), 0)
    except click.exceptions.Abort as problem:  # what click makes of a Ctrl-C while it reads the words
        raise KeyboardInterrupt from problem
    except click.ClickException as problem:
        if parse_only and (found := named(argv)) is not None:  # it lacks words, and is known all the same
            return Outcome(View(found[0], parts=(Facts({"shape": _shape(found[1], argv)}),)), 0)
        refusal: Refusal = BadInput(problem.format_message(), where=" ".join(argv), next=_usage_hint(problem, argv))
        return _refused(session, call, argv, refusal)
    except Refusal as problem:
        return _refused(session, call, argv, problem)
    except Exception as problem:  # the one error boundary: a bug of ours becomes an answer, its traceback a file
        return _our_fault(session, call, argv, problem)


def _usage_hint(problem: click.ClickException, argv: Sequence[str]) -> str:
    context = getattr(problem, "ctx", None)
    if context is not None:
        return f"Try: {context.command_path} --help"
    found = named(argv)  # an option without its value is told of without a context
    return f"Try: mlops-tui {found[0]} --help" if found is not None else "Try: mlops-tui --help"


def _admitted(session: "Session", call: Call, argv: tuple[str, ...], consent: str | None, reason: str | None,
              dry_run: bool) -> Outcome:
    """Through the door, if the actor may."""
    if dry_run and OWN_TRIAL in getattr(call.run, "keywords", {}):
        call, dry_run = replace(call, run=partial(call.run, **{OWN_TRIAL: True})), False
    session.admit(call.command, call.shape)
    session.serve(call.command, call.shape)
    return _enter(session, call, argv, consent, reason, dry_run)


def _enter(session: "Session", call: Call, argv: tuple[str, ...], consent: str | None, reason: str | None,
           dry_run: bool) -> Outcome:
    if session.as_of is not None and not call.fold:
        raise BadInput(f"'{call.command}' cannot be shown as of another time.", next="Drop --as-of.")
    if call.shape is Shape.LOOK:
        view = _looked(call)
        session.note_look(call.command)
        return _answer(session, view)
    if session.read_only:
        looking = f"Add --{call.looks} to see it without a record, or " if call.looks and \
            call.shape is Shape.MEASURE else ""
        how = f"{looking}{session.unlocking}."
        raise Denied("This session is read-only.", next=how[:1].upper() + how[1:])
    call.first()
    if call.shape is Shape.DECIDE:
        call = _with_reason(call, reason)
    plannable = call.shape is Shape.ACT and call.confirm
    if dry_run and not plannable:
        raise BadInput(f"'{call.command}' has no dry run.", next="Drop --dry-run.")
    run = call.run
    if plannable:
        planned = call.run()
        if not isinstance(planned, Plan):
            return _shut(session, call, argv, planned, dry_run)
        digest = plan_digest(planned.view, argv)
        if dry_run:
            return Outcome(planned.view.with_status(Status.DONE), 0, plan=digest, idempotent=planned.idempotent)
        if consent != digest:
            return _ask(planned.view, digest, _named(session, call), changed=consent is not None)
        run = planned.apply
    return _recorded(session, call, argv, reason, run)


def _shut(session: "Session", call: Call, argv: Sequence[str], said: View | Shut, dry_run: bool) -> Outcome:
    """That somebody asked, and what stood in the way, is kept; a dry run is no asking."""
    view, facts = (said.view, said.facts) if isinstance(said, Shut) else (said, ())
    if not dry_run:
        session.ledger.append(*facts)
        session.record(argv, call, "outcome", str(view.status))
    return _answer(session, view)


def _recorded(session: "Session", call: Call, argv: Sequence[str], reason: str | None,
              run: Callable[[], View | Plan | Shut]) -> Outcome:
    """Run it between its entries: attempt and outcome, or one entry for a measurement."""
    if call.shape is not Shape.MEASURE:
        session.record(argv, call, "attempt", "running", reason=reason)
    before = session.ledger.head_seq()
    try:
        view = run()
    except Exception:
        with suppress(Refusal):  # what it found before it failed still wakes people
            session.react()
        raise
    if not isinstance(view, View):
        raise TypeError(f"'{call.command}' returned a plan but does not ask")
    session.record(argv, call, "outcome", str(view.status), reason=reason)
    session.react()
    return _answer(session, _by_hand(session, view, before) if call.shape is Shape.MEASURE else view)


def _by_hand(session: "Session", view: View, since: int) -> View:
    """Say of a check that a monitor makes, and that somebody ran by hand, where it counts and where it does not."""
    found = session.passed_over(since)
    if found is None:
        return view
    fact, monitor = found
    if not monitor:
        return _counted(session, view, fact)
    counts = f"Run by hand: status counts it while {monitor} does not know." if fact.declaration else \
        f"Run by hand, and not as {monitor} looks: status does not take it for an answer of {monitor}."
    said = Text(f"{counts} Its alerts follow its own runs alone.")
    declared = session.declared().monitors[monitor]
    again = Action(f"Run it as {monitor}", declared.command(monitor))
    return replace(view, parts=(*view.parts, said), actions=(*view.actions, again))


def _counted(session: "Session", view: View, fact: "Finding") -> View:
    """Say of a check that no monitor makes where it counts, if it does."""
    parts = session.spoken_to(fact)
    if not parts:
        return view
    said = f"Run by hand: status counts it for {', '.join(parts)}, since no monitor makes this check."
    return replace(view, parts=(*view.parts, Text(said)))


def _with_reason(call: Call, reason: str | None) -> Call:
    given = getattr(call.run, "keywords", {}).get("reason") or reason
    if not given or not given.strip():
        raise BadInput(f"'{call.command}' needs a reason.", next="Add: --reason 'why'")
    return replace(call, run=lambda: call.run(reason=given))  # type: ignore[call-arg]


def _looked(call: Call) -> View:
    view = call.run()
    if not isinstance(view, View):
        raise TypeError(f"'{call.command}' looks, but returned a plan")
    return view


def _answer(session: "Session", view: View) -> Outcome:
    code = EXITS[view.status] if view.exit is None else view.exit
    return Outcome(view, code, recorded=session.ledger.recording)


def _named(session: "Session", call: Call) -> str:
    """What a person has to type before it is done: of what destroys, what it is done to."""
    if call.command not in DESTROYS:
        return ""
    given = getattr(call.run, "keywords", {}).get(DESTROYS[call.command])
    return str(given or session.declared().settings.project)


def _ask(view: View, digest: str, named: str, *, changed: bool) -> Outcome:
    note = (Text("The plan changed since it was confirmed; please look again."),) if changed else ()
    return Outcome(replace(view, status=Status.CONFIRM, parts=(*note, *view.parts)), 2, plan=digest, named=named)


def _refused(session: "Session", call: Call | None, argv: Sequence[str], problem: Refusal) -> Outcome:
    outcome = refusal(problem, recorded=session.ledger.recording)
    return replace(outcome, recorded=_noted(session, call, argv, "refused", str(outcome.view.status), problem.code))


def _noted(session: "Session", call: Call | None, argv: Sequence[str], phase: str, status: str, error: str) -> bool:
    """Record what went wrong; False where the ledger, too, cannot take it."""
    with suppress(Refusal):
        if call is not None and call.shape is not Shape.LOOK:
            session.record(argv, call, phase, status, error=error)
        elif call is not None and status == Status.DENIED:
            session.note_look(call.command, error)
        return session.ledger.recording
    return False


def refusal(problem: Refusal, *, recorded: bool = False) -> Outcome:
    """What is shown of an expected error: what, where, and what to do next."""
    error = {"code": problem.code, "what": problem.what, "where": problem.where, "next": problem.next}
    return Outcome(refused(problem), problem.exit, error, recorded=recorded)


def _our_fault(session: "Session", call: Call | None, argv: Sequence[str], problem: Exception) -> Outcome:
    if (hindered := session.hindered(problem)) is not None:
        return _refused(session, call, argv, hindered)
    trace, where = traceback.format_exc(), ""
    with suppress(OSError):  # a full disk keeps no traceback
        where = session.keep_traceback(trace)
    recorded = _noted(session, call, argv, "failed", "error", type(problem).__name__)
    error = {"code": "internal", "what": f"{type(problem).__name__}: {problem}", "where": where,
             "next": "This is our fault; please report it with the file named above."}
    facts = Facts({"where": where, "next": error["next"]})
    return Outcome(View(error["what"], Status.ERROR, (facts,)), 3, error, recorded=recorded)
