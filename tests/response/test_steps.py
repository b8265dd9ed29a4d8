"""Runbooks as text: what is a step, what is prose, and what is refused with file and line."""

import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import parse, perform, root
from mlops_tui.declarations.kinds import Document
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.project import read_document
from mlops_tui.response import _steps
from mlops_tui.roles import Shape
from mlops_tui.session import without_project

SHIPPED = sorted((Path(__file__).parents[2] / "runbooks").glob("*.md"))


def book(body, **front):
    return _steps.read(Document("probe", front, body, "runbooks/probe.md", body_line=5))


def test_a_procedure_in_plain_markdown_is_all_manual():
    found = book("# Night shift\n\nIntro.\n\n## Look\nAt it.\n\n```\n## not a heading\n```\n\n## Call\n### whom\nBo.\n")
    assert [(step.number, step.title, step.kind) for step in found.steps] == [(1, "Look", "manual"),
                                                                             (2, "Call", "manual")]
    assert "## not a heading" in found.steps[0].prose
    assert "### whom" in found.steps[1].prose


def test_a_typed_fence_makes_a_step_of_its_kind():
    found = book("""\
## 1. Is it real?
Look first.
```check
drift {model}
```
More prose.
## 2. Wait
~~~wait
24h
performance {model}
~~~
## 3. Tell
````notify
{model}: it is over,
see {incident}.
````
""", title="Drift", when=["drift"], severity="high")
    check, wait, tell = found.steps
    assert (check.kind, check.command, check.prose) == ("check", "drift {model}", "Look first.\nMore prose.")
    assert (wait.span(), wait.command) == (timedelta(days=1), "performance {model}")
    assert _steps.message(tell, {"model": "m", "incident": "INC-1"}) == "m: it is over, see INC-1."
    assert (found.title, found.when, found.needs) == ("Drift", ("drift",), ("incident", "model"))


@pytest.mark.parametrize(("body", "line", "said"), [
    ("no step at all\n", 5, "needs a step"),
    ("## 1. a\n## 3. b\n", 6, "says 3, but it is step 2"),
    ("## 1. a\n```check\n```\n", 5, "holds 1 lines, this one 0"),
    ("## 1. a\n```check\ndrift m\ndrift n\n```\n", 5, "holds 1 lines, this one 2"),
    ("## 1. a\n```check\ndrift m\n```\n```check\ndrift n\n```\n", 9, "second typed fence"),
    ("## 1. a\n```check\ndrift {modell}\n```\n", 5, "Unknown placeholder '{modell}'"),
    ("## 1. a\n```check\ndrift 'm\n```\n", 5, "No closing quotation"),
    ("## 1. a\n```wait\nsoon\n```\n", 5, "not a duration"),
    ("## 1. a\n```check\ndrift m\n", 7, "not closed"),
])
def test_a_mistake_is_named_with_its_line(body, line, said):
    with pytest.raises(Unreadable) as problem:
        book(body)
    assert problem.value.where == f"runbooks/probe.md:{line}"
    assert said in problem.value.what


def test_an_unknown_key_is_named_with_the_nearest():
    with pytest.raises(Unreadable) as problem:
        book("## 1. a\n", tilte="x")
    assert problem.value.next == "Did you mean 'title'?"


def words(line, **values):
    return _steps.filled(book(f"## 1. a\n```command\n{line}\n```\n").steps[0], values)


def test_a_value_stays_inside_its_word():
    assert words("note '{about} is late' {about}", about="a b@1") == ("note", "a b@1 is late", "a b@1")


@pytest.mark.parametrize("value", ["--yes", "-x", "a'b", "a;b", "$(a)", "`a`", "a|b", "a\nb", "{model}", '"'])
def test_a_value_is_never_an_option_nor_a_program(value):
    with pytest.raises(BadInput):
        words("drift {about}", about=value)


def test_a_placeholder_that_stands_for_nothing_is_asked_for():
    with pytest.raises(BadInput) as problem:
        words("drift {model}", model="")
    assert "--about SUBJECT" in problem.value.next


# -- what is shipped ----------------------------------------------------------------------------------------------

VALUES = {"about": "m", "model": "m", "dataset": "d", "incident": "INC-1", "alert": "AL-1"}


def lines():
    for path in SHIPPED:
        for step in _steps.read(read_document(path)).steps:
            if step.command:
                yield pytest.param(step, id=f"{path.stem}-{step.number}")


def test_three_runbooks_are_shipped_with_a_front_and_no_bare_fence():
    books = {path.stem: _steps.read(read_document(path)) for path in SHIPPED}
    assert {"data-drift", "missing-batch", "performance-decay"} <= set(books)
    for found in books.values():
        assert found.title != found.name
        assert found.when
        assert found.severity in ("low", "medium", "high", "critical")
        assert found.steps[-1].kind == "notify", "people are told at the end"


@pytest.mark.parametrize("step", list(lines()))
def test_a_shipped_step_calls_a_command_that_exists(step, tmp_path):
    argv = _steps.filled(step, VALUES)
    if argv[0] not in root.files:
        pytest.skip(f"'{argv[0]}' is not written yet")
    call = parse(without_project(tmp_path, perform), argv)
    looks = call.shape in (Shape.LOOK, Shape.MEASURE)
    assert looks or step.kind in ("command", "approve"), f"{shlex.join(argv)} acts, and would run by itself"
