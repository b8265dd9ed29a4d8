"""Runbooks as text: Markdown with a front matter, whose level-two headings are steps, some of them typed.

    ---
    title: Data drift on a live model
    when: [drift]
    severity: high
    ---
    ## 1. Is it real?
    Prose for the person who reads it at night.
    ```check
    drift {model}
    ```

A typed fence says what the step does; a heading without one is a manual step, so any procedure in Markdown loads.
check, query: one command line that looks or measures, run by itself. command, approve: one command line, run when a
person says so; approve waits until the votes it asked for are in. notify: a message. wait: a time span and, below it,
a command line that must pass afterwards. manual: what to do. Other fences are prose.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from mlops_tui.declarations.declare import duration
from mlops_tui.declarations.kinds import Document
from mlops_tui.errors import BadInput, Unreadable, nearest

Kind = Literal["check", "query", "command", "manual", "approve", "notify", "wait"]
KINDS: tuple[Kind, ...] = ("check", "query", "command", "manual", "approve", "notify", "wait")
BY_ITSELF = ("check", "query")
LINES: Mapping[Kind, tuple[int, int]] = {"check": (1, 1), "query": (1, 1), "command": (1, 1), "approve": (1, 1),
                                         "notify": (1, 99), "wait": (1, 2), "manual": (0, 99)}
NAMES = ("about", "incident", "alert", "model", "dataset")
FRONT = ("title", "when", "severity", "owner")
_HEADING = re.compile(r"^## +(?:(\d+)[.)] +)?(.+?) *$")
_FENCE = re.compile(r"^(`{3,}|~{3,}) *([\w-]*)(.*)$")
_PLACE = re.compile(r"\{(\w+)\}")
_VALUE = re.compile(r"[\w@./:][\w@./: -]*")


@dataclass(frozen=True)
class RunbookStep:
    """One step: its number, what kind it is, the prose, and the lines of its fence."""

    number: int
    title: str
    kind: Kind = "manual"
    lines: tuple[str, ...] = ()
    prose: str = ""
    where: str = ""

    @property
    def command(self) -> str:
        """The command line it runs; empty for a step that runs none."""
        if self.kind == "wait":
            return self.lines[1] if len(self.lines) > 1 else ""
        return self.lines[0] if self.kind in ("check", "query", "command", "approve") else ""

    @property
    def span(self) -> timedelta:
        """How long a wait takes."""
        return duration(self.lines[0]) if self.kind == "wait" else timedelta(0)


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


@dataclass
class _Draft:
    title: str
    line: int
    said: str = ""
    kind: Kind | None = None
    fence: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()


def read(document: Document) -> Runbook:
    """The runbook in a document; Unreadable names file and line."""
    front = document.front
    for key in front:
        if key not in FRONT:
            raise Unreadable(f"Unknown key '{key}' in the front matter.", where=f"{document.path}:1",
                             next=nearest(str(key), FRONT) or f"Known here: {', '.join(FRONT)}.")
    steps = tuple(_step(number, draft, document.path) for number, draft in enumerate(_drafts(document), start=1))
    if not steps:
        raise Unreadable("A runbook needs a step: a heading '## 1. …'.", where=f"{document.path}:{document.body_line}")
    used = {name for step in steps for line in _placed(step) for name in _PLACE.findall(line)}
    return Runbook(document.name, str(front.get("title") or document.name), _listed(front.get("when")),
                   str(front.get("severity") or ""), str(front.get("owner") or ""), steps,
                   tuple(name for name in NAMES if name in used))


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


def _drafts(document: Document) -> Iterator[_Draft]:
    """The headings with what stands below them; a fence of ours is taken out of the prose."""
    draft: _Draft | None = None
    for line, what, text in _marked(document):
        if what == "heading":
            if draft is not None:
                yield draft
            draft = _Draft(text, line, _number(document, line))
        elif draft is None:
            continue
        elif what == "opening":
            _open(draft, text, f"{document.path}:{line}")
        elif what == "inside":
            draft.fence = (*draft.fence, *([text.strip()] if text.strip() else []))
        elif what == "prose":
            draft.prose = (*draft.prose, text)
    if draft is not None:
        yield draft


def _number(document: Document, line: int) -> str:
    """The number that stands in the heading of that line; empty where there is none."""
    heading = _HEADING.match(document.body.splitlines()[line - document.body_line])
    return heading[1] or "" if heading else ""


def _marked(document: Document) -> Iterator[tuple[int, str, str]]:
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
        raise Unreadable("The last fence is not closed.", where=f"{document.path}:{line}", next="Close it with ```.")


def _open(draft: _Draft, word: str, where: str) -> None:
    if draft.kind is not None:
        raise Unreadable(f"Step '{draft.title}' has a second typed fence.", where=where,
                         next="Give it a heading of its own.")
    draft.kind = next(kind for kind in KINDS if kind == word)


def _step(number: int, draft: _Draft, path: str) -> RunbookStep:
    where = f"{path}:{draft.line}"
    if draft.said not in ("", str(number)):
        raise Unreadable(f"The heading says {draft.said}, but it is step {number}.", where=where,
                         next="Number it anew.")
    step = RunbookStep(number, draft.title, draft.kind or "manual", draft.fence, "\n".join(draft.prose).strip(), where)
    least, most = LINES[step.kind]
    if not least <= len(step.lines) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise Unreadable(f"A {step.kind} step holds {wanted} lines, this one {len(step.lines)}.", where=where)
    for line in _placed(step):
        for name in _PLACE.findall(line):
            if name not in NAMES:
                raise Unreadable(f"Unknown placeholder '{{{name}}}'.", where=where,
                                 next=nearest(name, NAMES) or f"There are {', '.join(NAMES)}.")
    try:
        _ = step.span, shlex.split(step.command)
    except ValueError as problem:
        raise Unreadable(f"{problem}.", where=where) from problem
    return step


def _placed(step: RunbookStep) -> tuple[str, ...]:
    """The lines in which placeholders are filled in."""
    return step.lines if step.kind == "notify" else (step.command,)


def filled(step: RunbookStep, values: Mapping[str, str]) -> tuple[str, ...]:
    """The words of the step's command line. A value stays inside its word and never becomes an option or a shell."""
    return tuple(_fill(word, step, values) for word in shlex.split(step.command))


def message(step: RunbookStep, values: Mapping[str, str]) -> str:
    """The text of a notify step."""
    return " ".join(_fill(line, step, values) for line in step.lines)


def _fill(word: str, step: RunbookStep, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = values.get(match[1], "")
        if not found:
            raise BadInput(f"Step {step.number} needs to know the {match[1]}.", where=step.where,
                           next=f"Give --{'incident INC-1' if match[1] in ('incident', 'alert') else 'about SUBJECT'}.")
        if not _VALUE.fullmatch(found):
            raise BadInput(f"'{found}' cannot stand for {{{match[1]}}}.", where=step.where,
                           next="A name has letters, digits and @ . / : _ -, and does not begin with a hyphen.")
        return found

    return _PLACE.sub(value, word)
