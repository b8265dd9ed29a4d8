"""The four shapes of a command; a capability is a function under one of them, in a file named like it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import click

from mlops_tui.errors import BadInput, Denied, NoCommand, nearest
from mlops_tui.roles import LOCAL_SOURCES, Shape
from mlops_tui.targets import check_target
from mlops_tui.view import View
from store.written import written_form

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from mlops_tui.session import Session
    from store.facts import Fact

Function = Callable[..., Any]
Resolved = tuple[str | None, click.Command | None, list[str]]


@dataclass(frozen=True)
class Plan:
    """What an act would do: the view that is consented to, and the doing; `idempotent` where twice is like once."""

    view: View
    apply: Callable[[], View]
    idempotent: bool = False


@dataclass(frozen=True)
class Shut:
    """An act that is answered no before there is a plan: why, and what the history keeps of having been asked."""

    view: View
    facts: "tuple[Fact, ...]"


def _nothing() -> None:
    """There is nothing to refuse."""


@dataclass(frozen=True)
class Call:
    """A command line, parsed: nothing has happened yet. With the flag that `looks` names it would only read.

    `first` refuses what is refused whatever reason is given, or consent: before anybody is asked for it.
    `unsaid`: what somebody said in his own words, of which the history keeps that he did.
    `fields`: what it asks for besides, as the project declares it.
    """

    command: str
    shape: Shape
    confirm: bool
    fold: bool
    run: Callable[[], View | Plan | Shut]
    looks: str = ""
    first: Callable[[], None] = _nothing
    unsaid: tuple[str, ...] = ()
    fields: "Callable[[], Sequence[Field]]" = tuple

    def told(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command line as it may be kept and shown: without what somebody said in his own words."""
        return tuple(_without(word, self.unsaid) for word in argv)


def _without(word: str, unsaid: Sequence[str]) -> str:
    """A word of a command line, or its option alone where the rest is what somebody said."""
    option, equals, rest = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{equals}…" if rest.strip() in unsaid else word


@dataclass(frozen=True)
class Field:
    """A value that a command asks for beyond its own parameters, as what it is about declares: `--set window=7d`.

    `wrong` says what is wrong with a value; nothing where it will do.
    """

    option: str
    name: str
    help: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    needed: bool = True
    wrong: Callable[[str], str] = lambda value: ""

    @property
    def asked(self) -> str:
        """How an action names it among what it asks."""
        return f"{self.option}:{self.name}"


class HelpAsked(Exception):
    """Somebody asked for help; the text is the answer."""

    def __init__(self, text: str, title: str) -> None:
        super().__init__(title)
        self.text, self.title = text, title


def _ask_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise HelpAsked(ctx.get_help(), f"Help: {ctx.command_path}")


class HelpOption:
    """Help is raised as a value, so that every surface can show it."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return click.Option(["--help", "-h"], is_flag=True, is_eager=True, expose_value=False,
                            help="Show this help.", callback=_ask_help)


class Capability(HelpOption, click.Command):
    """A click command that knows its shape; invoking it gives a Call. With the flag named `looks` it only reads.

    `fields`: what it asks for besides, by what the project declares of the parameters that are given.
    """

    shape: Shape = Shape.LOOK
    confirm: bool = False
    fold: bool = False
    looks: str = ""
    fields: "Callable[[Project, Mapping[str, object]], Sequence[Field]]" = staticmethod(lambda project, given: ())
    first: Callable[..., None] | None = None

    def invoke(self, ctx: click.Context) -> Call:
        if self.callback is None:
            raise BadInput(f"'{self.name}' does nothing")
        given = self._checked(ctx)
        path, run = ctx.command_path.split(" ", 1)[-1], partial(self.callback, ctx.obj, **given)
        if self.looks and ctx.params[self.looks]:
            return Call(f"{path} --{self.looks}", Shape.LOOK, False, True, run)
        first = partial(self.first, ctx.obj, **given) if self.first is not None else _nothing
        unsaid = tuple(value for each in self.params if isinstance(each.type, Said)
                       and isinstance(value := ctx.params.get(str(each.name)), str) and value)
        project = ctx.obj.project
        fields = partial(self.fields, project, given) if project is not None else tuple
        return Call(path, self.shape, self.confirm, self.fold, run, self.looks, first, unsaid, fields)

    def _checked(self, ctx: click.Context) -> dict[str, Any]:
        """What the function is given, when nothing is lost with the files that it will write."""
        given = dict(ctx.params)
        targets = [each for each in self.params if isinstance(each.type, TargetPath) and each.name]
        overwrite = bool(targets) and given.pop(OVERWRITE)
        for target in targets:
            others = [path for name, value in given.items() if name != target.name for path in _paths(value)]
            if given[str(target.name)] is not None:
                check_target(given[str(target.name)], others, overwrite=overwrite)
        return given


def _paths(value: object) -> list[Path]:
    """The files that a parameter may name."""
    if isinstance(value, (list, tuple)):
        return [path for each in value for path in _paths(each)]
    return [Path(value)] if isinstance(value, (str, Path)) and value else []


OVERWRITE = "overwrite"  # the flag of every command that writes a file
LISTING = ("list", "ls")  # what people type to see what there is, whatever the noun calls it


class Verbs(MutableMapping[str, click.Command]):
    """The verbs of a noun by name; one in a file of its own, `_NOUN_VERB.py`, is imported when it is asked for."""

    def __init__(self, noun: str, package: str) -> None:
        folders = sys.modules[package].__path__ if package else ()
        files = sorted(path.stem for folder in folders for path in Path(folder).glob(f"_{noun}_*.py"))
        self.modules = {stem.removeprefix(f"_{noun}_").replace("_", "-"): f"{package}.{stem}" for stem in files}
        self.known: dict[str, click.Command] = {}

    def __getitem__(self, verb: str) -> click.Command:
        if verb not in self.known and verb in self.modules:
            import_module(self.modules[verb])
        return self.known[verb]

    def __setitem__(self, verb: str, command: click.Command) -> None:
        self.known[verb] = command

    def __delitem__(self, verb: str) -> None:
        del self.known[verb]

    def __contains__(self, verb: object) -> bool:
        return verb in self.known or verb in self.modules

    def __iter__(self) -> Iterator[str]:
        return iter({**self.known, **self.modules})

    def __len__(self) -> int:
        return len({**self.known, **self.modules})


class Noun(HelpOption, click.Group):
    """A noun with verbs: `incident`, `incident INC-3`, `incident resolve INC-3`."""

    command_class = Capability

    def __init__(self, name: str, help: str, *, bare: str | None = None, subject: str | None = None,
                 package: str = "") -> None:
        super().__init__(name, help=help, commands=Verbs(name, package), no_args_is_help=bare is None)
        self.bare, self.subject = bare, subject

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.with_verb(args))

    def with_verb(self, args: list[str]) -> list[str]:
        """The words after the noun, with the verb it stands for: alone, before options, or before a subject."""
        if self.bare and (not args or (args[0].startswith("--") and args[0] != "--help")):
            return [self.bare, *args]
        if args and self.subject and self._is_subject(args[0]):
            return [self.subject, *args]
        return args

    def _is_subject(self, word: str) -> bool:
        return not word.startswith("-") and word not in (*self.commands, *LISTING) and not nearest(word, self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Resolved:
        if args and args[0] not in self.commands:
            listed = f"Did you mean '{self.bare}'?" if args[0] in LISTING and self.bare else ""
            hint = nearest(args[0], self.commands) or listed
            hint = hint or f"Try: mlops-tui {self.name} --help"
            raise NoCommand(f"'{self.name}' has no verb '{args[0]}'.", next=hint)
        return super().resolve_command(ctx, args)


def noun(name: str, help: str, *, bare: str | None = None, subject: str | None = None, package: str = "") -> Noun:
    """A command with verbs; `bare` runs when none is given, `subject` when a subject stands in its place.

    A verb that needs much more than the others has a file of its own in `package`: `_snapshot_diff.py`.
    """
    return Noun(name, help, bare=bare, subject=subject, package=package)


def _shaped(shape: Shape, function: Function, *, of: Noun | None = None, confirm: bool = False,
            fold: bool = False, looks: str = "") -> Capability:
    name = function.__name__.rstrip("_").replace("_", "-")
    command = click.command(name=name, cls=Capability)(function)
    if any(isinstance(each.type, TargetPath) for each in command.params):
        command.params.append(click.Option([f"--{OVERWRITE}"], is_flag=True, help="Replace what is in the file."))
    command.shape, command.confirm, command.fold, command.looks = shape, confirm, fold, looks
    if of is not None:
        of.add_command(command)
    return command


Decorator = Callable[[Function], Capability]


@overload
def look(function: Function) -> Capability: ...
@overload
def look(*, of: Noun | None = None, fold: bool = False) -> Decorator: ...
def look(function: Function | None = None, *, of: Noun | None = None, fold: bool = False) -> Capability | Decorator:
    """A command that only reads; `fold` marks one that can be shown as of an earlier time."""
    if function is None:
        return partial(_shaped, Shape.LOOK, of=of, fold=fold)
    return _shaped(Shape.LOOK, function, of=of, fold=fold)


@overload
def measure(function: Function) -> Capability: ...
@overload
def measure(*, of: Noun | None = None, looks: str = "") -> Decorator: ...
def measure(function: Function | None = None, *, of: Noun | None = None, looks: str = "") -> Capability | Decorator:
    """A command that computes, and appends content-addressed data or findings.

    `looks` names a flag with which it appends nothing: it only shows what it would say, to everybody, as of any time.
    """
    if function is None:
        return partial(_shaped, Shape.MEASURE, of=of, looks=looks)
    return _shaped(Shape.MEASURE, function, of=of)


@overload
def act(function: Function) -> Capability: ...
@overload
def act(*, of: Noun | None = None, confirm: bool = True, looks: str = "") -> Decorator: ...
def act(function: Function | None = None, *, of: Noun | None = None, confirm: bool = True,
        looks: str = "") -> Capability | Decorator:
    """A command that moves, sends or deletes; it returns a Plan unless `confirm=False`, or Shut where it may not.

    `looks` names a flag with which it only reads the history, for everybody and as of any time.
    """
    if function is None:
        return partial(_shaped, Shape.ACT, of=of, confirm=confirm, looks=looks)
    return _shaped(Shape.ACT, function, of=of, confirm=confirm, looks=looks)


@overload
def decide(function: Function) -> Capability: ...
@overload
def decide(*, of: Noun | None = None, first: Function | None = None) -> Decorator: ...
def decide(function: Function | None = None, *, of: Noun | None = None,
           first: Function | None = None) -> Capability | Decorator:
    """A command that records a person's judgement, with a reason.

    `first` is called with the same parameters before anybody is asked for a reason, and refuses where none would do.
    """
    if function is None:
        return partial(_decision, of=of, first=first)
    return _decision(function, of=of)


def _decision(function: Function, *, of: Noun | None, first: Function | None = None) -> Capability:
    command = _shaped(Shape.DECIDE, function, of=of)
    command.first = first
    command.params.append(click.Option(["--reason"], help="Why; recorded with the decision."))
    return command


class Said(click.ParamType[str]):
    """Somebody's own words. They are kept beside the history, where they can be erased, and never in it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value).strip()


def hidden_columns(session: "Session", dataset: str, columns: Iterable[str]) -> list[str]:
    """Those of a dataset's columns whose values are not shown where others read along: classified confidential or
    restricted by its contract, or by any contract where it has none of its own."""
    return [name for name in columns if not session.shows(dataset, name)]


class LocalPath(click.ParamType[Path]):
    """A path on this machine; only the terminal may name one."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        session: Session | None = ctx.obj if ctx is not None else None
        return Path(value) if session is None else local_path(session, str(value))


class TargetPath(LocalPath):
    """A file on this machine that the command writes; `rows` as Parquet, CSV or JSON, by its ending.

    Its command has --overwrite, and refuses a file that holds something, or that it reads, before it does anything.
    """

    def __init__(self, *, rows: bool = False) -> None:
        self.rows = rows

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx)
        if self.rows:
            written_form(path)
        return path


def local_path(session: "Session", text: str) -> Path:
    """A path that the actor may name; Denied through a door that is not on this machine, and to whom something is kept
    from: the files that hold it lie there."""
    if session.bounds():
        raise Denied(f"Some data are kept from {session.actor.name}, who names no paths: they lie there.",
                     where="access/", next="Name a declared dataset instead.")
    if session.only:
        raise Denied(f"{session.actor.name} sees some partitions only, and names no paths.", where="team.yaml, only",
                     next="Name a declared dataset instead.")
    if session.actor.source not in LOCAL_SOURCES:
        raise Denied(f"A path on the machine cannot be named from {session.actor.source}.",
                     next="Name a declared dataset instead.")
    return Path(text)


def subject_or_files(*names: str) -> Callable[[Function], Function]:
    """`[SUBJECT]` xor one file option for each name; the function gets all of them, None where not given."""

    def add(function: Function) -> Function:
        def checked(session: "Session", **params: Any) -> Any:
            given = [name for name in names if params.get(name) is not None]
            if params.get("subject") is not None and given:
                raise BadInput(f"Give SUBJECT or --{given[0]}, not both.")
            if params.get("subject") is None and len(given) < len(names):
                missing = " ".join(f"--{name} FILE" for name in names if name not in given)
                raise BadInput("Nothing to look at.", next=f"Give a declared SUBJECT, or {missing}.")
            return function(session, **params)

        made: Any = wraps(function)(checked)
        params = [click.Option([f"--{name}"], type=LocalPath(), help=f"File with the {name} data.") for name in names]
        inherited = list(getattr(function, "__click_params__", []))
        made.__click_params__ = [*inherited, *reversed(params), click.Argument(["subject"], required=False)]
        return made  # type: ignore[no-any-return]

    return add
