"""A document drafted anew beside what people made of the last draft: nothing that a person wrote is ever lost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

GROWING = ("Actions", "Timeline")  # tables that people add to, and so does the history
_HEADING = re.compile(r"^#{2,3} +\S.*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]* *$|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Merged:
    """The document, and the headings of what was left as people wrote it though the draft says something else now."""

    text: str
    kept: tuple[str, ...]


def merged(drafts: Sequence[str], new: str, written: str) -> Merged:
    """The new draft, with every section that is not as some earlier draft had it left as it was written.

    A section is what stands below a heading of the second or third level. What people took out stays out, what they
    added stays where it is; rows that the history adds to a table of GROWING are added to it.
    """
    before, fresh, theirs = [sections(each) for each in drafts], sections(new), sections(written)
    kept, found = [], dict[str, str]()
    for name, text in theirs.items():
        ours = {each[name].strip() for each in before if name in each}
        if text.strip() in ours:
            if name in fresh:
                found[name] = fresh[name]
            continue
        found[name] = _grown(text, fresh[name], [each.get(name, "") for each in before]) \
            if name in GROWING and name in fresh else text
        if name in fresh and fresh[name].strip() not in (*ours, found[name].strip()):
            kept.append(name)
    order = _placed(list(found), [name for name in fresh if name not in found
                                  and not any(name in each for each in before)], list(fresh))
    return Merged("".join(found[name] if name in found else fresh[name] for name in order), tuple(kept))


def sections(text: str) -> dict[str, str]:
    """The text in pieces by heading, in order, each with its heading line; what comes before the first has none.

    One of the third level is named with that above it: `What people said / bo`. Together they are the text.
    """
    blocks = [found.span() for found in _FENCE.finditer(text)]
    marks = [found for found in _HEADING.finditer(text) if not any(a <= found.start() < b for a, b in blocks)]
    ends = [*(found.start() for found in marks), len(text)]
    pieces, above = {"": text[: ends[0]]}, ""
    for found, end in zip(marks, ends[1:], strict=True):
        level, _, title = found[0].partition(" ")
        above = title.strip() if len(level) == 2 else above
        name = above if len(level) == 2 else f"{above} / {title.strip()}"
        while name in pieces:
            name += "'"
        pieces[name] = text[found.start():end]
    return pieces


def _grown(written: str, fresh: str, before: Sequence[str]) -> str:
    """A table with the rows that the history has now and no earlier draft had."""
    known = {line.strip() for text in (written, *before) for line in text.splitlines()}
    rows = [line for line in fresh.splitlines() if line.startswith("|") and line.strip() not in known]
    lines = written.splitlines(keepends=True)
    last = max((number for number, line in enumerate(lines) if line.lstrip().startswith("|")), default=None)
    if last is None or not rows:
        return written
    return "".join([*lines[:last], f"{lines[last].rstrip()}\n", *(f"{row}\n" for row in rows), *lines[last + 1:]])


def _placed(there: list[str], more: list[str], fresh: Sequence[str]) -> list[str]:
    """The names that are there, each of the others after the one that it follows in the new draft."""
    order = list(there)
    for name in more:
        earlier = [each for each in fresh[: fresh.index(name)] if each in order]
        order.insert(order.index(earlier[-1]) + 1 if earlier else 0, name)
    return order

