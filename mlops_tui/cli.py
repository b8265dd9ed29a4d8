"""The terminal: a command line in, an answer and an exit code out."""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_tui import __version__
from mlops_tui.declarations.marker import find
from mlops_tui.errors import BadInput, NotDeclared, Refusal

if TYPE_CHECKING:
    from mlops_tui.commands import Outcome
    from mlops_tui.session import Session

FORMATS = ("json", "markdown", "html")
PICTURES = ("png", "svg")
FLAGS = {**{f"--{name}": name for name in FORMATS}, "--yes": "yes", "--dry-run": "dry_run",
         "--read-only": "read_only", "--ascii": "ascii", "--reduced-motion": "reduced_motion"}
SIMPLE = ("dumb", "linux", "vt100", "vt220")  # kinds of terminal that show little more than ASCII
NO = ("", "0", "false", "no", "off")  # of a variable of ours; whatever else it says is yes: MLOPS_TUI_READONLY locks
NOUNS = "mlops_tui.nouns"  # the entry points of words that are no capabilities
READ_ONLY = "MLOPS_TUI_READONLY"
BY_ENVIRONMENT = {"read_only": READ_ONLY, "ascii": "MLOPS_TUI_ASCII", "reduced_motion": "MLOPS_TUI_REDUCED_MOTION"}
VALUES = {"--project": "project", "--as-of": "as_of", "--as": "person", "--job": "job", "--png": "png", "--svg": "svg"}
EPILOG = """
The dashboard: mlops-tui alone in a project, or mlops-tui open [WHERE]. WHERE is INC-3, AP-2, monitor/NAME,
model/NAME@8, dataset/NAME, job/7, governance or a command; flights:INC-3 is one of the project flights, which you have
opened before; INC-3#runbook shows that side of it, INC-3@2013-09-14T06:00 as it was known then.
mlops-tui watch WHAT waits for a job (7), RUN-3, INC-2 or the command a job does, and ends with its exit code.
Slack: mlops-tui slack local tries everything with no workspace; mlops-tui slack --help.
Everywhere: --json | --markdown | --html  --project DIR  --read-only  --as PERSON  --version
--ascii, or MLOPS_TUI_ASCII=1: nothing but ASCII is written. --reduced-motion, or MLOPS_TUI_REDUCED_MOTION=1:
    nothing moves by itself. NO_COLOR=1: no colour.
--png FOLDER, --svg FOLDER: the answer's pictures as files, beside the answer.
--yes, --dry-run: adopt write, alert silence, archive purge, archive restore, archive take,
    card publish, connect write, incident merge, optout erase, partition compact, postmortem write,
    promote, route test, runbook rollback, runbook step, samples purge, snapshot gc, snapshot restore,
    vault destroy-key, vault rotate, vault seal;
    nothing else asks before it acts.
--as-of TIME: adopt list, alert list, alert rules, alert show, alert silences, approve list,
    approve show, audit log, audit show, baseline, bias --preview, board list, board minutes,
    board show, calibration --preview, catalog list, catalog show, changes, compare --preview,
    digest preview, digest show, drift --preview, drill --coverage, evaluate --preview, feature list,
    feature show, footprint show, handover show, health --preview, impact history, impact list,
    impact show, incident list, incident show, incident similar, incident trends, maturity,
    metric --preview, model list, model show, monitor list, monitor show, oncall check, oncall show,
    optout list, optout show, performance --preview, pipeline status, postmortem actions,
    postmortem list, postmortem trends, promote --history, provenance diff, provenance list,
    provenance of, quarantine list, remind list, replay list, replay show, runbook list, runbook mttr,
    runbook show, snapshot log, split --preview, sql, stability show --preview, status,
    traffic show --preview, triggers --preview, why;
    nothing else is shown as of another time but the dashboard: mlops-tui --as-of 2013-09-14.
Exit codes: 0 done or passed, 1 a check says no, 2 bad input or not confirmed, 3 our fault, 4 denied, 130 interrupted.
"""


@dataclass
class Options:
    """What the terminal itself understands, wherever it stands on the line."""

    json: bool = False
    markdown: bool = False
    html: bool = False
    yes: bool = False
    dry_run: bool = False
    read_only: bool = False
    ascii: bool = False
    reduced_motion: bool = False
    project: str = ""
    as_of: str = ""
    person: str = ""
    job: str = ""
    png: str = ""
    svg: str = ""
    argv: list[str] = field(default_factory=list)

    @property
    def document(self) -> str:
        """The format of the document that is asked for; empty where the answer is for the screen."""
        return next((name for name in FORMATS if getattr(self, name)), "")


def says_yes(variable: str) -> bool:
    """Whether a variable of ours is set, and not to no."""
    return os.environ.get(variable, "").lower() not in NO


def options(argv: Sequence[str]) -> Options:
    """Take the terminal's own options off the command line; after `--` everything belongs to the command."""
    told: Any = {name: says_yes(variable) for name, variable in BY_ENVIRONMENT.items()}
    found, words = Options(**told), list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            found.argv += [word, *words]
            break
        if word in FLAGS:
            setattr(found, FLAGS[word], True)
        elif name in VALUES:
            if not equals and not words:
                raise BadInput(f"{name} needs a value.")
            setattr(found, VALUES[name], value if equals else words.pop(0))
        else:
            found.argv.append(word)
    asked = [f"--{name}" for name in FORMATS if getattr(found, name)]
    if len(asked) > 1:
        raise BadInput(f"{' and '.join(asked)} are two documents.", next="Ask for one of them.")
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """The console script."""
    words = list(sys.argv[1:] if argv is None else argv)
    code = 0
    gc.disable()  # imports make no garbage; see _imported
    try:
        code = run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; everything recorded so far is kept.\n")
        code = 130
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        gc.unfreeze()  # libraries want to see their objects go
        gc.enable()
    raise SystemExit(code)


def _imported() -> None:
    """What was imported stays: it is never looked through for garbage again, a tenth of what a short command costs."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def run(argv: Sequence[str]) -> int:
    """Do one command line and say the exit code."""
    if list(argv) == ["--version"]:
        _write(f"mlops-tui {__version__}\n")
        return 0
    given = Options("--json" in argv, "--markdown" in argv, "--html" in argv, argv=list(argv))
    try:
        given = options(argv)
        _suit_the_terminal(given)
        if given.argv[:1] == ["open"] or not given.argv:
            return _without_a_command(given)
        if given.argv[0] == "watch":
            return _watch(given)
        commands: Any = import_module("mlops_tui.commands")
        ours = given.argv[:given.argv.index("--")] if "--" in given.argv else given.argv
        if given.job:
            return _job(given)
        if ours and ours[0][:1] != "-" and ours[0] not in commands.root.files and (noun := _noun(ours[0])) is not None:
            _imported()
            os.environ |= {READ_ONLY: "1"} if given.read_only else {}  # it has no session of ours, and reads that
            return noun(given.argv[1:], _root(given))
        if {"--help", "-h"} & set(ours):
            return _help(commands, given.argv)
        session = open_session(given)
        _imported()
        return _perform(session, given)
    except Refusal as problem:
        return _refused(problem, given)


def _suit_the_terminal(given: Options) -> None:
    """Write what can be shown there: ASCII where no more is asked for or known; a document is UTF-8 anywhere."""
    if given.reduced_motion:
        os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for stream in (sys.stdout, sys.stderr):
        foreign = (stream.encoding or "utf-8").lower().replace("-", "") not in ("utf8", "ascii")
        if given.document:
            if foreign:
                stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
            continue
        wholly = given.ascii or os.environ.get("LC_ALL") in ("C", "POSIX") or (
            os.environ.get("TERM") in SIMPLE and stream.isatty())
        if wholly or foreign or stream.encoding == "ascii":
            import_module("mlops_tui.render.ascii").write(stream, wholly=wholly)


def _refused(problem: Refusal, given: Options) -> int:
    """Before there is a session: a line on the error stream, or the document that was asked for."""
    sys.stderr.write(f"■ {problem}\n")
    if given.document:
        _document(None, import_module("mlops_tui.commands").refusal(problem), given)
    return problem.exit


def _noun(name: str) -> "Callable[[Sequence[str], Path | None], int] | None":
    """A word that a package installed beside us knows; None where none does."""
    found = import_module("importlib.metadata").entry_points(group=NOUNS, name=name)
    return next((entry.load() for entry in found), None)


def _root(given: Options) -> Path | None:
    """The project that the line means: the folder it names, or the nearest one; None where there is none."""
    here = Path(given.project).resolve() if given.project else Path.cwd()
    return here if given.project else find(here)


def _without_a_command(given: Options) -> int:
    """The dashboard where there is a project and a terminal, the help otherwise."""
    asked = given.argv[:1] == ["open"]
    if {"--help", "-h"} & set(given.argv) or not (asked or (sys.stdout.isatty() and not given.document)):
        return _help(import_module("mlops_tui.commands"), ["--help"])
    root, at = _root(given), given.argv[1:]
    if asked and at and not given.project and (name := import_module("mlops_tui.tui.links").read(at).project):
        root = import_module("mlops_tui.declarations.known").folder(name, root)
    if root is None and not asked:
        return _help(import_module("mlops_tui.commands"), ["--help"])
    if root is None:
        raise NotDeclared("There is no project here.", where=str(Path.cwd()), next="Try: mlops-tui init")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadInput("The dashboard needs a terminal.", next="Try: mlops-tui status")
    if os.environ.get("TERM") == "dumb":
        raise BadInput("The dashboard needs a terminal that can be drawn on.", where="TERM=dumb",
                       next="Try: mlops-tui status")
    if given.as_of:
        import_module("mlops_tui.inputs.moments").moment(given.as_of, now=datetime.now(UTC))  # refused before it opens
    dashboard: Any = import_module("mlops_tui.tui.app")
    _imported()
    dashboard.run(root, person=given.person, read_only=given.read_only, at=at, as_of=given.as_of)
    return 0


def _watch(given: Options) -> int:
    """Wait for a job, a run or an incident: a strip of lines in a terminal, plain lines elsewhere; its exit code."""
    watched = import_module("mlops_tui.tui.watched")
    if {"--help", "-h"} & set(given.argv[1:2]):
        _write(watched.HELP)
        return 0
    session = open_session(given)
    _imported()
    look = watched.find(session, given.argv[1:])
    seen = look()
    if seen.exit is None and _terminal(given):
        strips: Any = import_module("mlops_tui.tui.inline")
        strip = strips.Strip(look, seen, stops=seen.job is not None and not session.read_only)
        seen = strip.run(inline=True) or seen
        if strip.stopping:
            sys.stderr.write(f"◌ stopping {seen.title}\n")
            _show(session, outcome := session.perform(("job", "cancel", str(seen.job))), given)
            return 130 if outcome.exit == 0 else outcome.exit
    elif seen.exit is None:
        seen = watched.plain(look, sys.stderr if given.document else sys.stdout)
    outcomes: Any = import_module("mlops_tui.commands")
    code = 130 if seen.exit is None else seen.exit
    _show(session, outcomes.Outcome(seen.answer or watched.left_alone(seen), code), given)
    return int(code)


def _job(given: Options) -> int:
    """Be the process of a job that somebody started: its row says what to do."""
    if not given.job.isdecimal():
        raise BadInput(f"'{given.job}' is no job's number.")
    session, jobs = open_session(given), import_module("mlops_tui.jobs")
    _imported()
    outcome: Outcome = jobs.carry_out(session, int(given.job), lambda outcome: _show(session, outcome, given))
    return outcome.exit


def _help(commands: Any, argv: Sequence[str]) -> int:
    try:
        commands.root.main(list(argv), prog_name="mlops-tui", obj=None, standalone_mode=False)
    except commands.HelpAsked as asked:
        _write(asked.text + "\n" + (EPILOG if argv[0] in ("--help", "-h") else ""))
        return 0
    raise BadInput("There is no help for that.", next="Try: mlops-tui --help")


def open_session(given: Options) -> "Session":
    """The session the line asks for: in the project it names, the nearest one, or none."""
    sessions = import_module("mlops_tui.session")
    here, root = Path(given.project).resolve() if given.project else Path.cwd(), _root(given)
    bare = given.argv[0] in ("init", "demo") or root is None
    if bare and not given.project:
        door = import_module("mlops_tui.commands").perform
        session: Session = sessions.without_project(here, door, progress=progress(), opener=_open_project,
                                                    read_only=given.read_only, **_bound(root, given.person))
        return session
    opening = import_module("mlops_tui.opening")
    opened: Session = opening.open_project(root, person=given.person, read_only=given.read_only,
                                           as_of=given.as_of or None, progress=progress())
    return opened


def _bound(root: Path | None, person: str) -> dict[str, Any]:
    """Who asks, where the project around binds him to some partitions: he is bound in what begins another one too."""
    if root is None or not (root / "team.yaml").is_file():
        return {}
    project = import_module("mlops_tui.project").Project(root)
    actor = import_module("mlops_tui.opening").actor_of(project, person, "terminal")
    declared = project.team.people.get(actor.name)
    return {"actor": actor, "only": declared.only} if declared is not None and declared.only else {}


def _open_project(root: Path, **how: Any) -> "Session":
    opened: Session = import_module("mlops_tui.opening").open_project(root, **how)
    return opened


def _perform(session: "Session", given: Options) -> int:
    outcome = session.perform(given.argv, dry_run=given.dry_run)
    if outcome.view.status == "confirm" and outcome.plan and not given.dry_run:
        if given.yes:
            outcome = session.perform(given.argv, consent=outcome.plan)
        elif sys.stdin.isatty() and not given.document:
            _show(session, outcome, given)
            if _agreed(outcome.named):
                outcome = session.perform(given.argv, consent=outcome.plan)
            else:
                _write("Nothing was done.\n")
                return outcome.exit
    _show(session, outcome, given)
    if given.argv[0] == "demo" and outcome.exit == 0 and "--headless" not in given.argv and _terminal(given):
        _write("The dashboard opens on it.\n")
        dashboard: Any = import_module("mlops_tui.tui.app")
        dashboard.run(Path(str(outcome.view.facts()["folder"])), person="", read_only=given.read_only, at=[])
    return outcome.exit


def _terminal(given: Options) -> bool:
    """Whether a person sits in front of it, and it can be drawn on."""
    seen = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return seen and not given.document and os.environ.get("TERM") != "dumb"


def _agreed(named: str) -> bool:
    """Whether a person agrees: with yes, and to what destroys with the name of what is destroyed."""
    sys.stderr.write(f"This cannot be taken back. Type {named} to do it: " if named else "Do it? [y/N] ")
    sys.stderr.flush()
    said = sys.stdin.readline().strip()
    return said == named if named else said.lower() in ("y", "yes")


def _show(session: "Session", outcome: "Outcome", given: Options) -> None:
    for form in PICTURES:
        if getattr(given, form):
            _keep_pictures(session, outcome, Path(getattr(given, form)), form)
    if given.document:
        _document(session, outcome, given)
        return
    screen: Any = import_module("mlops_tui.render.terminal")
    consoles: Any = import_module("rich.console")
    console = consoles.Console(highlight=False, soft_wrap=True, stderr=outcome.error is not None)
    with console.capture() as shown:  # written at once, so that a reader who leaves early is no error
        for line in screen.lines(outcome.view, width=console.width, zone=_zone(session), command=_again(given.argv)):
            console.print(line)
        for note in _footnotes(session, outcome):
            console.print(note, style="bright_black")
    console.file.write(shown.get())


def _again(argv: "Sequence[str]") -> tuple[str, ...]:
    """What shows the rest of an answer; nothing where that would act once more."""
    return tuple(import_module("mlops_tui.commands").again(argv))


def _keep_pictures(session: "Session", outcome: "Outcome", folder: Path, form: str) -> None:
    """The pictures of the answer as files in a folder, which is made where it is not there."""
    drawn = import_module("mlops_tui.render.image").images(outcome.view.parts, _zone(session), form)
    whole = import_module("store.written").whole
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(f"No picture can be written there: {problem.strerror}.", where=str(folder),
                       next=f"Name another folder: --{form} FOLDER") from problem
    for name, content in drawn.items():
        with whole(folder / name) as staged:
            staged.write_bytes(content)
    sys.stderr.write(f"{', '.join(drawn)} in {folder}\n" if drawn else "There is nothing to draw in this answer.\n")


def _document(session: "Session | None", outcome: "Outcome", given: Options) -> None:
    render: Any = import_module(f"mlops_tui.render.{given.document}")
    if given.json:
        shapes = import_module("mlops_tui.commands").shapes(outcome.view.actions)
        _write(render.as_json(outcome.view, given.argv, shapes=shapes, error=outcome.error, recorded=outcome.recorded,
                              plan=outcome.plan) + "\n")
    elif given.markdown:
        _write(render.as_markdown(outcome.view, zone=_zone(session), command=_again(given.argv)))
    else:
        _write(render.as_html(outcome.view, zone=_zone(session), command=_again(given.argv), **_origin(session)))


def _zone(session: "Session | None") -> tzinfo:
    """Times are told where the project is."""
    return session.project.zone if session is not None and session.project is not None else UTC


def _origin(session: "Session | None") -> dict[str, str]:
    """When a page was made, and the head of the history it was made from, as far as that can be read."""
    if session is None:
        return {}
    cells: Any = import_module("mlops_tui.render.cells")
    made = {"made": cells.moment(session.now(), _zone(session))}
    with suppress(Refusal):
        made["anchor"] = session.ledger.head() if session.project is not None else ""
    return made


def _footnotes(session: "Session", outcome: "Outcome") -> list[str]:
    notes = []
    if outcome.view.status == "confirm":
        notes.append("Nothing has been done yet: run it again with --yes.")
    if not outcome.recorded and outcome.error is None and session.project is None and outcome.view.status != "done":
        notes.append("not recorded: there is no project here")
    if session.project is not None and session.single_user and outcome.view.status == "confirm":
        notes.append("single-user mode: nobody in team.yaml has a login, so roles are advisory")
    return notes


def progress() -> "Callable[[int, int, str], None]":
    """Progress of long work, on the error stream of a terminal; one line a stage elsewhere."""
    shown: Any = import_module("mlops_tui.render.progress")
    made: Callable[[int, int, str], None] = (shown.bar if sys.stderr.isatty() else shown.log)(sys.stderr)
    return made


def _write(text: str) -> None:
    sys.stdout.write(text)
