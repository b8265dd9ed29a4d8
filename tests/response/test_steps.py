"""Runbooks as text: what is a step, what is prose, and what is refused with file and line."""

from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.declarations.kinds import Document
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.project import read_document
from mlops_tui.response import _linting, _steps
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


# -- what a step says besides its command line -----------------------------------------------------------------------


def test_a_step_may_say_more_below_its_command_line():
    found = book("""\
## 1. Look
```check
drift {model} --window {window}
as: moved
expect: answer.drifted_columns == 0
else: goto Nothing moved
every: 10m
timeout: 2h
```
## 2. Decide
```manual
Choose: it is
important.
as: decided
evidence: one of retrain | fall back
```
## 3. Go back
```approve
promote --rollback {model}
when: decided.value == "fall back" and moved.status == "fail"
undo: promote {model}@{answer.from}
quorum: 2
role: legal
expires: 4h
idempotent: yes
```
## 4. Nothing moved
""", params={"window": {"type": "duration", "default": "7d"}})
    look, decide, back, _ = found.steps
    assert (look.name, look.goto, look.span("every"), look.span("timeout")) == (
        "moved", 4, timedelta(minutes=10), timedelta(hours=2))
    assert (decide.lines, decide.choices) == (("Choose: it is", "important."), ("retrain", "fall back"))
    assert (back.undo, back.quorum, back.idempotent) == ("promote {model}@{answer.from}", 2, True)
    assert words_of(back, model="m", **{"answer.from": "6"}) == ("promote", "m@6")


def words_of(step, **values):
    return _steps.filled(step, values, step.undo)


@pytest.mark.parametrize(("fence", "said", "next"), [
    ("check\ndrift m\nundo: x", "A check step has no 'undo:'.", "It may say"),
    ("command\nadopt P-1\nunod: x", "A command step has no 'unod:'.", "Did you mean 'undo'?"),
    ("command\nadopt P-1\nundo: none", "'undo: none' says nothing.", "none because it is harmless"),
    ("check\ndrift m\nwhen: moved.x >", "is no condition", "moved.drifted_columns > 2"),
    ("check\ndrift m\nwhen: __import__('os').system('ls')", "is not part of a condition", ""),
    ("check\ndrift m\nwhen: zzz.x > 2", "looks at 'zzz', which is no earlier step", "as: name"),
    ("check\ndrift m\nelse: goto nowhere", "'nowhere' is no step to go to.", "later step"),
    ("check\ndrift m\nelse: goto a", "leads back to step 1", "every: and timeout:"),
    ("check\ndrift m\nevery: 5m", "both or none", "timeout: 1h"),
    ("wait\n1h\ndrift m\nevery: soon\ntimeout: 1h", "'every: soon' says nothing.", "5m"),
    ("approve\npromote m\nquorum: 0", "'quorum: 0' says nothing.", "2"),
    ("approve\npromote m\nrole: boss", "'role: boss' says nothing.", "approver"),
    ("manual\nx\nevidence: picture", "'evidence: picture' says nothing.", "one of"),
    ("command\ntrain {found.version}", "Unknown placeholder '{found.version}'.", ""),
    ("command\ntrain m\nas: model", "'as: model' is taken.", "another name"),
])
def test_a_mistake_in_what_a_step_says_is_named(fence, said, next):
    with pytest.raises(Unreadable) as problem:
        book(f"## 1. a\n```{fence}\n```\n")
    assert said in problem.value.what
    assert next in problem.value.next


def test_every_mistake_is_found_at_once_with_its_line():
    body = ("## 1. a\n```check\ndrift {modell}\nwhen: nobody.x > 1\n```\n"
            "## 3. b\n```command\nadopt P-1\nundo: none\n```\n")
    _, found = _steps.look_through(Document("probe", {"tilte": "x", "params": {"n": {"type": "nummer"}}}, body,
                                            "runbooks/probe.md", body_line=5))
    assert [each.where.rpartition(":")[2] for each in found] == ["1", "1", "10", "13", "5", "5"]


# -- what is shipped ----------------------------------------------------------------------------------------------

SHIPPED_NAMES = {"data-drift", "missing-batch", "performance-decay", "schema-break", "service-outage", "bad-deploy",
                 "label-delay", "fairness-breach", "security-exposure", "cost-spike"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_runbook_has_no_mistake_and_speaks_to_somebody_woken_up(path, tmp_path):
    document = read_document(path)
    assert _linting.problems(without_project(tmp_path, perform), document) == []
    found = _steps.read(document)
    assert found.title != found.name
    assert found.when
    assert found.severity in ("low", "medium", "high", "critical")
    assert document.body.strip().index("\n## ") > 100, "it begins with what is the matter"
    assert found.steps[-1].kind == "notify", "people are told at the end"
    assert all(len(step.prose) > 30 for step in found.steps), "every step says why"


def test_ten_are_shipped():
    assert {path.stem for path in SHIPPED} == SHIPPED_NAMES


def test_what_is_wrong_is_found_before_anybody_is_woken_by_it(tmp_path):
    document = Document("probe", {"when": ["drfit"], "severity": "hgih", "params": {"n": {"type": "number"}}}, """\
## 1. Look
```check
adopt P-1
```
## 2. Act
Do it.
```command
alert ack AL-1
```
## 3. Typo
So.
```query
dirft {model}
```
## 4. Judge
So.
```command
incident resolve {incident}
undo: nothing such
```
""", "runbooks/probe.md", body_line=2)
    rows = _linting.problems(without_project(tmp_path, perform), document)
    said = [(row["where"], str(row["status"]), row["problem"], row["next"]) for row in rows]
    assert said == [
        ("runbooks/probe.md:1", "fail", "when: no check is called 'drfit'.", "Did you mean 'drift'?"),
        ("runbooks/probe.md:1", "fail", "'hgih' is no severity.", "One of low, medium, high, critical."),
        ("runbooks/probe.md:1", "warn", "Nothing uses the parameter 'n'.", ""),
        ("runbooks/probe.md:2", "fail", "'adopt P-1' acts; a check step runs by itself.", "Make it a command step."),
        ("runbooks/probe.md:2", "warn", "Step 1 says nothing to whoever reads it at night.",
         "Write a sentence below its heading."),
        ("runbooks/probe.md:6", "fail", "Step 2 acts and says no way back.",
         "Add: undo: COMMAND, or: undo: none because …"),
        ("runbooks/probe.md:11", "fail", "'dirft {model}': No command 'dirft'.", "Did you mean 'drift'?"),
        ("runbooks/probe.md:16", "fail", "'nothing such': No command 'nothing'.", "Try: mlops-tui --help"),
        ("runbooks/probe.md:16", "fail", "'incident resolve {incident}' is a person's judgement and wants a reason.",
         "Make it a manual step."),
    ]
