"""What every capability keeps, found by folder: the next one is tested before its author writes a test."""

import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from functools import cache
from pathlib import Path

import click
import pytest
from _pytest.mark import ParameterSet

from mlops_tui import roles
from mlops_tui.capability import Capability, HelpAsked, Noun
from mlops_tui.cli import EPILOG, options
from mlops_tui.commands import Outcome, capability_files, parse, perform, root
from mlops_tui.errors import Refusal
from mlops_tui.opening import open_project
from mlops_tui.render import terminal
from mlops_tui.render.html import as_html
from mlops_tui.render.json import as_json
from mlops_tui.render.markdown import as_markdown
from mlops_tui.roles import Actor, Shape
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status

FILES = capability_files()

# These take the screen, start a server or run the whole demo: their own tests run them.
TAKES_OVER = {"demo", "up", "watch", "web", "open", "slack", "serve"}

PROJECT = """\
project: flights
timezone: America/New_York
"""
TEAM = f"""\
people:
  vera: {{login: vera, roles: [viewer], simulated: true}}
  ana: {{login: ana, roles: [{", ".join(roles.ROLES)}], simulated: true}}
"""


@cache
def command(stem: str) -> click.Command:
    found = root.get_command(click.Context(root), stem)
    assert found is not None, f"{FILES[stem]} has no command named {stem.rstrip('_')}"
    return found


@cache
def capabilities() -> dict[str, Capability]:
    """Every command line that does something, by its words."""
    found: dict[str, click.Command] = {}
    for stem in FILES:
        with suppress(Exception):  # one that cannot be imported fails by its name below, and hides no other
            made = command(stem)
            verbs = made.commands if isinstance(made, Noun) else {}
            found |= {f"{made.name} {verb}": each for verb, each in verbs.items()} or {str(made.name): made}
    return {words: each for words, each in found.items() if isinstance(each, Capability)}


def examples(made: click.Command) -> list[tuple[str, ...]]:
    """The command lines of a help text, without the program's name and what the terminal itself understands."""
    lines = re.findall(r"^\s*(?:Examples?:\s*)?mlops-tui (.+?)\s*$", made.help or "", re.MULTILINE)
    return [tuple(options(shlex.split(line)).argv) for line in lines]


def may_look(words: str) -> bool:
    """Whether a viewer may run the command."""
    viewer = Actor("vera", frozenset({"viewer"}))
    return any(viewer.has(role) for role in roles.allowed_roles(words, capabilities()[words].shape))


def each_example(chosen: Callable[[str], bool] = lambda words: True, *, looks: bool = True) -> list[ParameterSet]:
    return [pytest.param(words, argv, id=" ".join(argv)) for words, made in capabilities().items() if chosen(words)
            for argv in examples(made) if looks or not is_a_look(words, argv)]


def is_a_look(words: str, argv: tuple[str, ...]) -> bool:
    """Whether the command line only reads: a look, or an act under the flag that makes it one."""
    made = capabilities()[words]
    return made.shape is Shape.LOOK or (bool(made.looks) and f"--{made.looks}" in argv)


def runs_by_itself(words: str) -> bool:
    return words.split()[0] not in TAKES_OVER


def only_looks(words: str) -> bool:
    return runs_by_itself(words) and capabilities()[words].shape is Shape.LOOK


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that declares nothing yet, with a viewer and somebody who may do everything."""
    (tmp_path / "mlops.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return without_project(tmp_path, perform)


def acceptable(outcome: Outcome) -> Outcome:
    """An answer or a refusal that says what and where to go; never our fault."""
    assert outcome.exit in (0, 1, 2, 4), outcome.error
    assert outcome.view.title
    document = as_json(outcome.view, (), error=outcome.error)
    assert "NaN" not in document
    for width in (60, 120):
        assert list(terminal.lines(outcome.view, width=width)), "the terminal shows nothing"
    assert as_markdown(outcome.view, zone=UTC).startswith("# ")
    assert as_html(outcome.view, zone=UTC).startswith("<!DOCTYPE html>")
    return outcome


def test_the_folders_hold_capabilities() -> None:
    assert FILES
    assert capabilities()


@pytest.mark.parametrize("stem", FILES)
def test_the_file_the_command_and_the_noun_have_one_name(stem: str) -> None:
    assert command(stem).name == stem.rstrip("_").replace("_", "-")
    first = FILES[stem].read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r'""".{10,}?\.?(""")?', first), "the first line is what --help shows of it"


@pytest.mark.parametrize("stem", FILES)
def test_a_noun_has_verbs_and_says_what_it_is_for(stem: str) -> None:
    made = command(stem)
    assert (made.help or "").strip()
    assert isinstance(made, Capability) or (isinstance(made, Noun) and made.commands)
    if isinstance(made, Noun):
        assert {made.bare, made.subject} - {None} <= set(made.commands), "it stands for a verb it has"


@pytest.mark.parametrize("words", capabilities())
def test_help_has_a_sentence_and_an_example(words: str) -> None:
    made = capabilities()[words]
    first = " ".join((made.help or "").split("\n\n")[0].split())
    assert first.endswith((".", "?")), first
    assert examples(made), f"'{words}' shows nobody how it is called"
    for parameter in made.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts[0]} does not say what it is for"


def said_of(option: str) -> set[str]:
    """The commands that the help names as taking an option."""
    return set(re.split(r",\s+", re.search(rf"{option}: ([^;]+);", EPILOG)[1]))  # type: ignore[index]


def test_the_help_says_who_can_be_planned_and_who_shown_as_of_another_time() -> None:
    known = capabilities().items()
    assert said_of("--dry-run") == {words for words, made in known if made.shape is Shape.ACT and made.confirm}
    assert said_of("--as-of TIME") == {words for words, made in known if made.fold} | {
        f"{words} --{made.looks}" for words, made in known if made.looks}


EXAMPLE = ("words", "argv")


@pytest.mark.parametrize(EXAMPLE, each_example())
def test_an_example_is_one_of_its_own_command(words: str, argv: tuple[str, ...], nowhere: Session) -> None:
    assert parse(nowhere, argv).command.partition(" --")[0] == words


@pytest.mark.parametrize(EXAMPLE, each_example(lambda words: not may_look(words), looks=False))
def test_a_viewer_is_refused_where_the_table_says_so(words: str, argv: tuple[str, ...], project: Path) -> None:
    session = open_project(project, person="vera")
    outcome = perform(session, argv)
    assert (outcome.view.status, outcome.exit) == (Status.DENIED, 4)
    recorded = [entry.subject for entry in session.ledger.entries()]
    assert recorded == ([] if capabilities()[words].shape is Shape.LOOK else [words]), "a refused attempt is one entry"


@pytest.mark.parametrize(EXAMPLE, each_example(runs_by_itself))
def test_in_an_empty_folder_it_answers_or_refuses(words: str, argv: tuple[str, ...], nowhere: Session) -> None:
    plan_only = capabilities()[words].shape is Shape.ACT
    outcome = acceptable(perform(nowhere, argv, reason="because", dry_run=plan_only))
    if outcome.error is not None:
        assert outcome.error["next"] or outcome.error["where"], f"where, and what next? {outcome.error['what']}"
    assert [action.argv for action in outcome.view.actions if not callable_as(nowhere, action.argv)] == []


@pytest.mark.parametrize(EXAMPLE, each_example(only_looks))
def test_what_its_answer_offers_can_be_called(words: str, argv: tuple[str, ...], project: Path) -> None:
    session = open_project(project, person="ana")
    view = acceptable(perform(session, argv)).view
    assert [action.argv for action in view.actions if not callable_as(session, action.argv)] == []


def callable_as(session: Session, argv: tuple[str, ...]) -> bool:
    """Whether the words are a command line, or one that asks for help."""
    try:
        return bool(parse(session, argv).command)
    except HelpAsked:
        return True
    except (Refusal, click.ClickException):
        return False
