"""What becomes of a function under a shape."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from mlops_tui.capability import (
    Call,
    Capability,
    HelpAsked,
    LocalPath,
    Noun,
    Plan,
    act,
    decide,
    local_path,
    look,
    measure,
    noun,
    subject_or_files,
)
from mlops_tui.commands import perform
from mlops_tui.errors import BadInput, Denied, Refusal
from mlops_tui.roles import Actor, Shape
from mlops_tui.session import Session, without_project
from mlops_tui.view import View


@pytest.fixture
def terminal(tmp_path: Path) -> Session:
    return without_project(tmp_path, perform)


def called(command: click.Command, session: Session, *argv: str) -> Call:
    found = command.main(list(argv), prog_name=str(command.name), obj=session, standalone_mode=False)
    assert isinstance(found, Call)
    return found


PUMP = """
from mlops_tui.capability import look, noun
from mlops_tui.view import View
pump = noun("pump", "A pump.", package=__package__)
@look(of=pump)
def stop(session):
    return View("stopped")
"""
WIND_UP = """
from mlops_tui.capability import look
from mlops_tui.view import View
from {package}.pump import pump
@look(of=pump)
def wind_up(session):
    "Make it go."
    return View("wound")
"""


def pump(folder: Path, package: str, wind_up: str) -> Noun:
    """A noun in a package of its own, with a verb in a file of its own."""
    (folder / package).mkdir()
    for name, text in (("__init__", ""), ("pump", PUMP), ("_pump_wind_up", wind_up)):
        (folder / package / f"{name}.py").write_text(text)
    made: Noun = import_module(f"{package}.pump").pump
    return made


def incidents() -> Noun:
    group = noun("incident", "Incidents.", bare="list", subject="show")

    @look(of=group, fold=True)
    def list_(session: Session) -> View:
        return View("all")

    @look(of=group)
    @click.argument("name")
    def show(session: Session, name: str) -> View:
        return View(name)

    @act(of=group, confirm=False)
    @click.argument("name")
    def re_open(session: Session, name: str) -> View:
        return View(name)

    return group


# -- shapes -----------------------------------------------------------------------------------------------------


def test_a_shape_makes_a_command_that_does_nothing_when_it_is_parsed(terminal: Session) -> None:
    done: list[str] = []
    shapes: Iterator[Any] = iter((look, measure, act, decide))
    for make, shape, confirm in zip(shapes, Shape, (False, False, True, False), strict=True):
        @make
        @click.argument("what")
        def probe(session: Session, what: str, reason: str = "") -> View:
            done.append(what)
            return View(what)

        call = called(probe, terminal, "x")
        assert (call.shape, call.confirm, call.fold, done) == (shape, confirm, False, [])
        assert call.run() == View("x")
        done.clear()


def test_a_decision_takes_a_reason(terminal: Session) -> None:
    @decide
    def agree(session: Session, reason: str) -> View:
        return View(reason)

    assert called(agree, terminal, "--reason", "it holds").run() == View("it holds")


def test_names_are_words(terminal: Session) -> None:
    assert set(incidents().commands) == {"list", "show", "re-open"}


def test_a_verb_in_a_file_of_its_own_is_imported_when_it_is_asked_for(terminal: Session, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = pump(tmp_path, "apart", WIND_UP.format(package="apart"))
    assert (set(made.commands), len(made.commands), "wind-up" in made.commands) == ({"stop", "wind-up"}, 2, True)
    with pytest.raises(BadInput, match="no verb 'wnd-up'") as slip:
        called(made, terminal, "wnd-up")
    assert slip.value.next == "Did you mean 'wind-up'?"
    assert called(made, terminal, "stop").run() == View("stopped")
    assert "apart._pump_wind_up" not in sys.modules, "nothing so far needed it"
    assert called(made, terminal, "wind-up").run() == View("wound")


def test_the_help_of_a_noun_has_the_verbs_in_files_of_their_own(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = pump(tmp_path, "helped", WIND_UP.format(package="helped"))
    assert "Make it go." in made.get_help(click.Context(made, info_name="pump"))


def test_a_file_without_the_verb_of_its_name_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = pump(tmp_path, "hollow", "")
    with pytest.raises(KeyError, match="wind-up"):
        list(made.commands.items())


# -- nouns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("argv", "words", "title"), [
    ([], "list", "all"), (["INC-3"], "show", "INC-3"), (["show", "INC-3"], "show", "INC-3"),
    (["re-open", "INC-3"], "re-open", "INC-3")])
def test_a_noun_alone_or_with_a_subject_stands_for_a_verb(terminal: Session, argv: list[str], words: str,
                                                          title: str) -> None:
    call = called(incidents(), terminal, *argv)
    assert call.command.split(" ")[-1] == words
    assert call.run() == View(title)
    assert call.fold is (words == "list")


@pytest.mark.parametrize("slip", ["lst", "shw", "reopen"])
def test_a_slip_of_a_verb_is_no_subject(terminal: Session, slip: str) -> None:
    with pytest.raises(BadInput, match="Did you mean"):
        called(incidents(), terminal, slip, "INC-3")


def test_a_word_that_is_no_verb_says_where_to_look(terminal: Session) -> None:
    group = noun("probe", "Probes.")
    with pytest.raises(BadInput, match="Try: mlops-tui probe --help"):
        called(group, terminal, "zzz")


def test_who_asks_for_a_list_is_told_what_lists(terminal: Session) -> None:
    group = noun("snapshot", "Snapshots.", bare="log", subject="log")

    @look(of=group)
    @click.argument("name", required=False)
    def log(session: Session, name: str | None) -> View:
        """What there is."""
        return View(str(name))

    for word in ("list", "ls"):
        with pytest.raises(BadInput) as caught:
            called(group, terminal, word)
        assert caught.value.next == "Did you mean 'log'?"
    assert called(group, terminal, "flights").command == called(group, terminal, "log", "flights").command


def test_help_is_a_value_and_not_an_exit(terminal: Session) -> None:
    for argv in (["--help"], ["show", "-h"]):
        with pytest.raises(HelpAsked) as asked:
            called(incidents(), terminal, *argv)
        assert "Usage: incident" in asked.value.text


def test_a_plan_is_a_view_and_a_deed() -> None:
    plan = Plan(View("would"), lambda: View("did"))
    assert (plan.view.title, plan.apply().title) == ("would", "did")


# -- files ------------------------------------------------------------------------------------------------------


def test_a_path_may_be_named_at_this_machine_only(terminal: Session) -> None:
    assert local_path(terminal, "a.csv") == Path("a.csv")
    for source in ("slack", "runbook", "timetable", "web"):
        with pytest.raises(Denied, match=f"cannot be named from {source}"):
            local_path(terminal.acting_as(Actor("ana", frozenset({"admin"}), source)), "/etc/passwd")


def compared() -> Capability:
    @measure
    @subject_or_files("reference", "current")
    @click.option("--bins", default=3)
    @click.option("--schema", type=LocalPath())
    def compare(session: Session, **given: Any) -> View:
        """Compare."""
        return View(repr(sorted((key, str(value)) for key, value in given.items() if value is not None)))

    return compare


def test_a_subject_or_all_of_its_files(terminal: Session) -> None:
    command = compared()
    assert called(command, terminal, "flights", "--bins", "5").run().title == repr([("bins", "5"),
                                                                                  ("subject", "flights")])
    files = called(command, terminal, "--current", "b.csv", "--reference", "a.csv").run()
    assert isinstance(files, View)
    assert files.title == repr([("bins", "3"), ("current", "b.csv"), ("reference", "a.csv")])


@pytest.mark.parametrize(("argv", "words"), [
    ([], "--reference FILE --current FILE"), (["--reference", "a.csv"], "or --current FILE."),
    (["flights", "--current", "b.csv"], "Give SUBJECT or --current, not both.")])
def test_neither_half_of_it_nor_both(terminal: Session, argv: list[str], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        called(compared(), terminal, *argv).run()
    assert words in str(caught.value)


def test_a_file_option_is_refused_through_another_door(terminal: Session) -> None:
    from_slack = terminal.acting_as(Actor("ana", frozenset({"admin"}), "slack"))
    for option in ("--reference", "--schema"):
        with pytest.raises(Refusal, match="Name a declared dataset instead"):
            called(compared(), from_slack, option, "/etc/passwd")
