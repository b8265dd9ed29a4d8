"""A post-mortem that somebody has in an editor: his text, and the one he began from, kept until it is put in place."""

import re
from dataclasses import dataclass
from pathlib import Path

from mlops_tui.errors import Unreadable
from mlops_tui.response._merging import merged, sections
from store.written import whole

FOLDER = Path(".mlops", "drafts")


@dataclass(frozen=True)
class Writing:
    """`text` is what the editor opens; `base` is a copy of the project's file as it was then, empty where none was."""

    text: Path
    base: Path

    def begin(self, text: str, before: str) -> None:
        """Begin from that text, while the project's file stands as it was `before`."""
        self.text.parent.mkdir(parents=True, exist_ok=True)
        for path, content in ((self.base, before), (self.text, text)):
            put(path, content)

    def end(self) -> None:
        """Nothing is kept of it any more."""
        for path in (self.text, self.base):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Together:
    """What is to be written; whether the file has changed meanwhile, and the sections that were written twice."""

    text: str
    meanwhile: bool = False
    twice: tuple[str, ...] = ()


def writing_of(root: Path, incident: str, who: str) -> Writing:
    """Where somebody's text on an incident is kept."""
    name = f"{incident}.{re.sub(r'[^A-Za-z0-9_-]', '_', who)}"
    return Writing(root / FOLDER / f"{name}.md", root / FOLDER / f"{name}.base.md")


def together(writing: Writing, now: str) -> Together:
    """What somebody wrote, beside what the file has come to say since he began."""
    mine, base = read(writing.text), read(writing.base)
    if now in (base, mine):
        return Together(mine)
    both = merged([base], now, mine)
    return Together(both.text, meanwhile=True, twice=both.kept)


def side_by_side(writing: Writing, now: str) -> None:
    """Take in what the file has come to say, and below each section that was written twice, put how the file has it,
    for the one who writes to choose from; nothing is touched where the file is as it was."""
    both, theirs = together(writing, now), sections(now)
    if not both.meanwhile:
        return
    mine = sections(both.text)
    for name in both.twice:
        quoted = "".join(f"> {line}\n" for line in theirs[name].strip().splitlines()[1:])
        mine[name] = f"{mine[name].rstrip()}\n\n> **In the file by now:**\n{quoted}\n"
    writing.begin("".join(mine.values()), now)


def read(file: Path) -> str:
    """What stands in the file; nothing where there is none. Unreadable where it is no text."""
    try:
        return file.read_bytes().decode("utf-8") if file.is_file() else ""
    except UnicodeDecodeError as problem:
        raise Unreadable(f"{file.name} is not written in UTF-8.", where=str(file),
                         next="Save it as UTF-8.") from problem


def put(target: Path, content: str) -> None:
    """The whole file or none of it; who may read it stays as it was."""
    with whole(target) as fresh:
        fresh.write_text(content, encoding="utf-8", newline="")
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
