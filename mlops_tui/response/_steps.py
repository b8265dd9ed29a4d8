"""Runbooks as text: Markdown with a front matter, whose level-two headings are steps, some of them typed.

    ---
    title: Data drift on a live model
    when: [drift]
    severity: high
    params:
      window: {type: duration, default: 7d, min: 1d, max: 60d, help: How far back to look}
    ---
    ## 1. Is it real?
    Prose for the person who reads it at night.
    ```check
    drift {model} --window {window}
    as: moved
    else: goto Nothing moved
    ```

A typed fence says what the step does; a heading without one is a manual step, so any procedure in Markdown loads.
check, query: one command line that looks or measures, run by itself. command, approve: one command line, run when a
person says so; approve waits until the votes it asked for are in. notify: a message. wait: a time span and, below it,
a command line that must pass afterwards. manual: what to do. Other fences are prose.

Lines `key: value` in a fence say more of the step; `_keys.SAYS` lists them by kind. `{name}` stands for what the run is
about, or for a parameter; `{name.fact}` for a fact in the answer of the step that is `as: name`; in `undo:`,
`{answer.fact}` for one of what the step itself found out or planned.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mlops_tui.declarations.declare import duration
from mlops_tui.declarations.kinds import Document
from mlops_tui.errors import BadInput, Unreadable, nearest
from mlops_tui.response import _conditions, _params
from mlops_tui.response._keys import GOTO, KINDS, LINES, NO_UNDO, ONE_OF, SAYS, Kind, senseless
from mlops_tui.response._params import LETTERS, Param

NAMES = ("about", "incident", "alert", "model", "dataset")
FRONT = ("title", "when", "severity", "owner", "params")
_HEADING = re.compile(r"^## +(?:(\d+)[.)] +)?(.+?) *$")
_FENCE = re.compile(r"^(`{3,}|~{3,}) *([\w-]*)(.*)$")
_PLACE = re.compile(r"\{(\w+(?:\.\w+)?)\}")
_SAID = re.compile(r"^([a-z]+): +(.+)$")


@dataclass(frozen=True)
class RunbookStep:
    """One step: its number, what kind it is, the prose, the lines of its fence, and what these say besides."""

    number: int
    title: str
    kind: Kind = "manual"
    lines: tuple[str, ...] = ()
    prose: str = ""
    where: str = ""
    says: Mapping[str, str] = field(default_factory=dict)
    goto: int | None = None

    @property
    def command(self) -> str:
        """The command line it runs; empty for a step that runs none."""
        place = 1 if self.kind == "wait" else 0 if self.kind in ("check", "query", "command", "approve") else 99
        return self.lines[place] if len(self.lines) > place else ""

    @property
    def name(self) -> str:
        """What other steps call its answer; empty where they do not."""
        return self.says.get("as", "")

    @property
    def expects(self) -> str:
        """The condition on its own answer, instead of the answer's status."""
        return self.says.get("expect", "") or self.says.get("until", "")

    @property
    def undo(self) -> str:
        """The command line that takes it back; empty where there is none."""
        said = self.says.get("undo", "")
        return "" if said.startswith(NO_UNDO) else said

    @property
    def kept_because(self) -> str:
        """Why it cannot be taken back, where it says so."""
        said = self.says.get("undo", "")
        return said.removeprefix(NO_UNDO) if said.startswith(NO_UNDO) else ""

    @property
    def idempotent(self) -> bool:
        """Whether doing it twice is like doing it once."""
        return self.says.get("idempotent") == "yes"

    @property
    def choices(self) -> tuple[str, ...]:
        """The answers to choose among, where a person is asked for one of several."""
        said = self.says.get("evidence", "")
        return tuple(map(str.strip, said.removeprefix(ONE_OF).split("|"))) if said.startswith(ONE_OF) else ()

    @property
    def quorum(self) -> int:
        """How many votes the runbook itself asks for before the step is done; none where the command asks."""
        return int(self.says.get("quorum", "0"))

    def span(self, key: str = "") -> timedelta:
        """How long a wait takes; with `every` or `timeout`, how often and how long it is looked again."""
        text = self.says.get(key, "") if key else self.lines[0] if self.kind == "wait" else ""
        return duration(text) if text else timedelta(0)


@dataclass(frozen=True)
class Runbook:
    """A runbook read from its document."""

    name: str
    title: str
    when: tuple[str, ...]
    severity: str
    owner: str
    steps: tuple[RunbookStep, ...]
    needs: tuple[str, ...]
    params: tuple[Param, ...] = ()

    def named(self, name: str) -> RunbookStep | None:
        """The step whose answer is called that."""
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a runbook, where, and what would be right."""

    where: str
    what: str
    next: str = ""


@dataclass
class _Draft:
    title: str
    line: int
    said: str = ""
    kind: Kind | None = None
    fence: tuple[tuple[int, str], ...] = ()
    prose: tuple[str, ...] = ()


def read(document: Document) -> Runbook:
    """The runbook in a document; Unreadable names file and line of the first mistake."""
    book, problems = look_through(document)
    if problems:
        raise Unreadable(problems[0].what, where=problems[0].where, next=problems[0].next)
    return book


def look_through(document: Document) -> tuple[Runbook, list[Problem]]:
    """The runbook as far as it can be read, and every mistake in the text of it."""
    front = document.front
    problems = [Problem(f"{document.path}:1", f"Unknown key '{key}' in the front matter.",
                        nearest(str(key), FRONT) or f"Known here: {', '.join(FRONT)}.")
                for key in front if key not in FRONT]

    def wrong(key: str, what: str, better: str) -> None:
        problems.append(Problem(f"{document.path}:{_line_of(document, key)}", what, better))

    params = _params.declared(front.get("params") or {}, wrong)
    drafts = list(_drafts(document, problems))
    steps = _with_gotos([_step(number, draft, document.path, problems) for number, draft in enumerate(drafts, 1)],
                        problems)
    if not steps:
        problems.append(Problem(f"{document.path}:{document.body_line}",
                                "A runbook needs a step: a heading '## 1. …'."))
    used = {name for step in steps for line in _placed(step) for name in _PLACE.findall(line)}
    book = Runbook(document.name, str(front.get("title") or document.name), _listed(front.get("when")),
                   str(front.get("severity") or ""), str(front.get("owner") or ""), tuple(steps),
                   tuple(name for name in NAMES if name in used), params)
    for step in steps:
        problems.extend(_unknown_names(book, step))
    return book, problems


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


def _line_of(document: Document, key: str) -> int:
    """Where a key of the front matter stands; its first line where that cannot be told."""
    try:
        with open(document.path, encoding="utf-8") as lines:  # noqa: PTH123 - a document knows its path as text
            found = (at for at, text in enumerate(lines, 1) if text.strip().startswith(f"{key}:"))
            return next((at for at in found if at < document.body_line), 1)
    except OSError:
        return 1


# -- the lines of the text ------------------------------------------------------------------------------------------


def _drafts(document: Document, problems: list[Problem]) -> Iterator[_Draft]:
    """The headings with what stands below them; a fence of ours is taken out of the prose."""
    draft: _Draft | None = None
    for line, what, text in _marked(document, problems):
        if what == "heading":
            if draft is not None:
                yield draft
            draft = _Draft(text, line, _number(document, line))
        elif draft is None:
            continue
        elif what == "opening":
            _open(draft, text, f"{document.path}:{line}", problems)
        elif what == "inside":
            draft.fence = (*draft.fence, *([(line, text.strip())] if text.strip() else []))
        elif what == "prose":
            draft.prose = (*draft.prose, text)
    if draft is not None:
        yield draft


def _number(document: Document, line: int) -> str:
    """The number that stands in the heading of that line; empty where there is none."""
    heading = _HEADING.match(document.body.splitlines()[line - document.body_line])
    return heading[1] or "" if heading else ""


def _marked(document: Document, problems: list[Problem]) -> Iterator[tuple[int, str, str]]:
    """Each line with what it is: heading, opening, inside and closing of a fence of ours, or prose."""
    marks, ours, line = "", False, document.body_line
    for line, text in enumerate(document.body.splitlines(), start=document.body_line):
        fence = _FENCE.match(text)
        if marks:
            closes = fence is not None and not fence[2] and fence[1].startswith(marks)
            yield line, "prose" if not ours else "closing" if closes else "inside", text
            marks, ours = ("", False) if closes else (marks, ours)
        elif fence:
            marks, ours = fence[1], fence[2] in KINDS
            yield line, "opening" if ours else "prose", fence[2] if ours else text
        elif heading := _HEADING.match(text):
            yield line, "heading", heading[2]
        else:
            yield line, "prose", text
    if ours:
        problems.append(Problem(f"{document.path}:{line}", "The last fence is not closed.", "Close it with ```."))


def _open(draft: _Draft, word: str, where: str, problems: list[Problem]) -> None:
    if draft.kind is not None:
        problems.append(Problem(where, f"Step '{draft.title}' has a second typed fence.",
                                "Give it a heading of its own."))
    draft.kind = draft.kind or next(kind for kind in KINDS if kind == word)


# -- one step -------------------------------------------------------------------------------------------------------


def _step(number: int, draft: _Draft, path: str, problems: list[Problem]) -> RunbookStep:
    where, kind = f"{path}:{draft.line}", draft.kind or "manual"
    if draft.said not in ("", str(number)):
        problems.append(Problem(where, f"The heading says {draft.said}, but it is step {number}.", "Number it anew."))
    lines, says = list[str](), dict[str, str]()
    for line, text in draft.fence:
        said = _SAID.match(text)
        least = LINES[kind][0] if kind not in ("manual", "notify") else 99
        if said is not None and (said[1] in SAYS[kind] or len(lines) >= least):
            says[said[1]] = said[2].strip()
            problems += [Problem(f"{path}:{line}", *each) for each in senseless(kind, said[1], said[2].strip())]
        else:
            lines.append(text)
    step = RunbookStep(number, draft.title, kind, tuple(lines), "\n".join(draft.prose).strip(), where, says)
    problems += [Problem(where, *each) for each in _misfit(step)]
    return step


def _misfit(step: RunbookStep) -> Iterator[tuple[str, str]]:
    """What is wrong with the lines of a step's fence, the keys left out."""
    least, most = LINES[step.kind]
    if not least <= len(step.lines) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        yield (f"A {step.kind} step holds {wanted} lines, this one {len(step.lines)}.",
               "A line 'key: value' does not count.")
        return
    try:
        _ = step.span(), shlex.split(step.command), shlex.split(step.undo)
    except ValueError as problem:
        yield f"{problem}.", ""
    if ("every" in step.says) != ("timeout" in step.says):
        yield "Looking again takes every: and timeout:, both or none.", "Write: every: 5m, and below it: timeout: 1h"


def _with_gotos(steps: Sequence[RunbookStep], problems: list[Problem]) -> list[RunbookStep]:
    """The steps, knowing to which number each leads; a run only goes forward, so there are no circles."""
    found = []
    for step in steps:
        goto = GOTO.fullmatch(step.says.get("else", ""))
        target = next((each.number for each in steps if goto and goto[1] in (each.title, str(each.number))), None)
        if goto and target is None:
            hint = nearest(goto[1], [each.title for each in steps]) or "Name the heading of a later step."
            problems.append(Problem(step.where, f"'{goto[1]}' is no step to go to.", hint))
        elif target is not None and target <= step.number:
            problems.append(Problem(step.where, f"Step {step.number} leads back to step {target}: a run goes forward "
                                    "only, or it might never end.", "Use every: and timeout: to look again."))
        found.append(RunbookStep(**{**vars(step), "goto": target}))
    return found


def _unknown_names(book: Runbook, step: RunbookStep) -> Iterator[Problem]:
    """Names that stand for nothing, or for what only a later step finds out; and a name that two steps have."""
    known = (*NAMES, *(param.name for param in book.params))
    before = {each.name: each.number for each in book.steps if each.name}
    if step.name and (step.name in known or before[step.name] != step.number):
        yield Problem(step.where, f"'as: {step.name}' is taken.", "Choose another name.")
    used = [(name, step.number) for line in _placed(step) for name in _PLACE.findall(line)]
    used += [(name, step.number + 1) for name in _PLACE.findall(step.undo) if not name.startswith("answer.")]
    for name, upto in used:
        first = name.partition(".")[0]
        if name not in known and not ("." in name and before.get(first, upto) < upto):
            late = first in before and "." in name
            what = f"'{{{name}}}' is known only later." if late else f"Unknown placeholder '{{{name}}}'."
            yield Problem(step.where, what, nearest(name, [*known, *before]) or f"There are {', '.join(known)}.")
    for key, own in (("when", ()), ("expect", ("answer",)), ("until", ("answer",))):
        for name in _condition_names(step.says.get(key, "")):
            if name not in known and name not in own and before.get(name, step.number) >= step.number:
                yield Problem(step.where, f"'{key}:' looks at '{name}', which is no earlier step and no parameter.",
                              nearest(name, [*known, *own, *before]) or "Name the step it means: as: name")


def _condition_names(text: str) -> list[str]:
    try:
        return _conditions.names(_conditions.read(text)) if text else []
    except ValueError:
        return []


def condition(text: str) -> ast.expr:
    """A condition of a runbook that could be read."""
    return _conditions.read(text)


# -- filled in ------------------------------------------------------------------------------------------------------


def _placed(step: RunbookStep) -> tuple[str, ...]:
    """The lines in which placeholders are filled in."""
    return step.lines if step.kind == "notify" else (step.command,)


def filled(step: RunbookStep, values: Mapping[str, str], text: str | None = None) -> tuple[str, ...]:
    """The words of the step's command line, or of another of its lines. A value stays inside its word and never becomes
    an option or a shell."""
    return tuple(_fill(word, step, values) for word in shlex.split(step.command if text is None else text))


def message(step: RunbookStep, values: Mapping[str, str]) -> str:
    """The text of a notify step; what nobody has found out is `unknown`."""
    found_out = {name: "unknown" for name in lacking(step, values) if "." in name}
    return " ".join(_fill(line, step, {**values, **found_out}, said=True) for line in step.lines)


def known(text: str, values: Mapping[str, str]) -> str:
    """A text with its placeholders filled in as far as they are known."""
    return _PLACE.sub(lambda match: values.get(match[1]) or match[0], text)


def stood_in(word: str, values: Mapping[str, str]) -> str:
    """A word with something in the place of each placeholder: what steps find out is `1`."""
    return _PLACE.sub(lambda match: values.get(match[1]) or "1", word)


def lacking(step: RunbookStep, values: Mapping[str, str]) -> list[str]:
    """The placeholders of a step that stand for nothing yet."""
    return [name for line in _placed(step) for name in _PLACE.findall(line) if not values.get(name)]


def _fill(word: str, step: RunbookStep, values: Mapping[str, str], *, said: bool = False) -> str:
    """A word with its placeholders filled in; what is only said to people may hold any letter."""
    def value(match: re.Match[str]) -> str:
        found = values.get(match[1], "")
        if not found and "." in match[1]:
            raise BadInput(f"Step {step.number} needs {match[1]}, which nobody has found out.", where=step.where,
                           next="Do the steps before it, or pass over this one with a note.")
        if not found:
            raise BadInput(f"Step {step.number} needs to know the {match[1]}.", where=step.where,
                           next=_giving(match[1]))
        if not _params.sound(found, anything=said or (match[1] not in NAMES and "." not in match[1])):
            raise BadInput(f"'{found}' cannot stand for {{{match[1]}}}.", where=step.where, next=LETTERS)
        return found

    return _PLACE.sub(value, word)


def _giving(name: str) -> str:
    if name in NAMES:
        return f"Give --{'incident INC-1' if name in ('incident', 'alert') else 'about SUBJECT'}."
    return f"Give --set {name}=VALUE."
