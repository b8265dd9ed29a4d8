"""A post-mortem read back, once people have written into it: what is missing, what was promised, what blames."""

import re
from dataclasses import dataclass
from datetime import date

TYPES = ("detect", "prevent", "mitigate", "process", "checklist")
FACTORS, LUCKY = "Contributing factors", "Where we got lucky"
NEEDED = ("Summary", FACTORS, "What went well", "What went badly", LUCKY)
BLAME = ("should have", "could have", "failed to", "careless", "fault", "blame", "negligent", "sloppy", "human error",
         "forgot", "root cause")


@dataclass(frozen=True)
class Line:
    """A line of the document's table of actions."""

    id: str
    title: str
    type: str
    owner: str
    due: str


def missing(text: str) -> list[str]:
    """The sections that only people can fill and that are still empty."""
    sections = _sections(text)
    return [name for name in NEEDED if not re.sub(r"<!--.*?-->|[\s*-]", "", sections.get(name, ""), flags=re.DOTALL)]


def by_people(text: str) -> str:
    """What people wrote into it: the sections that only they can fill."""
    return "\n".join(line for name in NEEDED for line in lines(text, name))


def lines(text: str, section: str) -> list[str]:
    """What people wrote in a section, line by line, without comments and list marks."""
    plain = re.sub(r"<!--.*?-->", "", _sections(text).get(section, ""), flags=re.DOTALL)
    found = [re.sub(r"^(?:[-*+]|\d+[.)])(?:\s+|$)", "", line.strip()) for line in plain.splitlines()]
    return [line for line in found if line]


def tags(text: str) -> list[str]:
    """The tags of the contributing factors, in small letters, each once: `- the feed stopped #late-data`."""
    return list(dict.fromkeys(found.lower() for line in lines(text, FACTORS)
                              for found in re.findall(r"(?<![\w#&/])\\?#([^\W\d][\w-]*)", line)))


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def actions(text: str) -> list[Line]:
    """The lines of the table of actions, escapes undone."""
    rows = [line.strip() for line in _sections(text).get("Actions", "").splitlines() if line.strip().startswith("|")]
    found = []
    for row in rows[2:]:
        cells = [re.sub(r"\\(.)", r"\1", cell).strip().replace("&amp;", "&")
                 for cell in re.split(r"(?<!\\)\|", row.strip("|"))]
        if len(cells) == 5 and any(cells):
            found.append(Line(*cells))
    return found


def wrong(line: Line) -> str:
    """What an action lacks; empty where nothing does."""
    if not line.title:
        return "says nothing"
    if line.type not in TYPES:
        return f"has the type '{line.type}', not {', '.join(TYPES)}"
    if not line.owner:
        return "has no owner"
    try:
        date.fromisoformat(line.due)
    except ValueError:
        return f"has no due date such as 2013-10-01 but '{line.due}'"
    return ""


def hints(text: str) -> list[tuple[int, str]]:
    """Lines with words that look for somebody to blame, or for the one cause; hints, not errors."""
    plain = re.sub(r"<!--.*?-->", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    return [(number, word) for number, line in enumerate(plain.splitlines(), start=1) for word in BLAME
            if re.search(rf"\b{word}\b", line, re.IGNORECASE)]
