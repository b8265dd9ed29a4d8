"""What is typed after `/`, read: words, `!not`, `a|b`, `"two words"`, `status:fail`, `auc<0.8`, `age<2h`."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from mlops_tui.errors import BadInput, nearest
from mlops_tui.inputs.moments import moment, span
from mlops_tui.tui.filtering import AGE, HIDDEN, MOMENTS, Than, Wish, cell_of
from mlops_tui.view import Cell, Row, Status

_PIECE = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
_EITHER = re.compile(r'(?:[^|"]|"[^"]*(?:"|$))+')
_FIELD = re.compile(r"!?([A-Za-z_]\w*)(<=|>=|!=|[:=<>])")
_SAID = {"failed": "fail", "passed": "pass", "ok": "pass", "warning": "warn", "warned": "warn"}  # as one also says
_AGES = ("30m", "2h", "1d", "7d")
OFFERED = 200  # values of a column that are offered


@dataclass(frozen=True)
class Problem:
    """What is wrong with the words, from one character up to another."""

    start: int
    end: int
    why: str


@dataclass(frozen=True)
class Known:
    """What a filter can name: columns, what each is (text, number, time), and what stands in them."""

    columns: Mapping[str, str]
    rows: Sequence[Row] = ()

    @classmethod
    def of(cls, rows: Sequence[Row], named: Mapping[str, str]) -> "Known":
        """What these rows hold; of those of which only some are known, `named` says what all hold."""
        found = dict(named)
        for row in rows if not named else ():
            for name, cell in row.items():
                if name not in HIDDEN and found.get(name, "text") == "text":
                    found[name] = _kind(cell)
            if measured := str(row.get("metric") or ""):
                found |= {measured: "number", measured.rpartition("_")[2]: "number"}
        if any(found.get(name) == "time" for name in MOMENTS):
            found[AGE] = "age"
        return cls(found, rows)

    def values(self, column: str) -> list[str]:
        """What stands in a column, the most frequent first."""
        if self.columns.get(column) in (AGE, "time", "number"):
            return list(_AGES) if column == AGE else []
        cells = (cell_of(row, column) for row in self.rows)
        return [word for word, _ in Counter(str(word) for cell in cells if cell not in (None, "") for word in (
            cell if isinstance(cell, tuple) else (cell,))).most_common(OFFERED)]


def _kind(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return "time"
    return "number" if isinstance(cell, (int, float)) and not isinstance(cell, (bool, Status)) else "text"


@dataclass(frozen=True)
class Filter:
    """What the words ask for, and what is wrong with them."""

    wishes: tuple[Wish, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


def read(typed: str, known: Known | None, zone: tzinfo = UTC) -> Filter:
    """The words of a filter; one that is not finished yet (`!`, `status:`) asks for nothing. Times are in that zone.

    Where nothing has columns, `status:fail` is a word like any other.
    """
    wishes, problems = [], []
    for piece in _PIECE.finditer(typed):
        found = _wish(piece[0], piece.start(), known, zone)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            wishes.append(found)
    return Filter(tuple(wishes), tuple(problems))


def _wish(word: str, start: int, known: Known | None, zone: tzinfo) -> Wish | Problem | None:
    wanted, named = not word.startswith("!"), _FIELD.match(word) if known is not None else None
    rest = word[named.end():] if named is not None else word.removeprefix("!")
    texts = tuple(text for part in _EITHER.findall(rest) if (text := part.replace('"', "")))
    if not texts:
        return None
    if known is not None and "place" in known.columns and rest.startswith("@"):
        return Wish(tuple(text for each in texts if (text := each.removeprefix("@"))), "place", wanted) if rest != "@" \
            else None
    if named is None or known is None:
        return Wish(texts, wanted=wanted)
    column, how = named[1].lower(), named[2]
    if known.columns and column not in known.columns:
        return Problem(start + named.start(1), start + named.end(1), _unknown(named, rest, known))
    if how in (":", "=", "!=") and column != AGE:
        texts = tuple(_SAID.get(text.lower(), text) for text in texts) if column == "status" else texts
        return Wish(texts, column, wanted is (how != "!="), how[-1])
    kind = known.columns.get(column, AGE if column == AGE else "")
    try:
        return Wish((), column, wanted, how, _than(rest, kind, how, zone))
    except (BadInput, ValueError) as problem:
        return Problem(start + named.end(), start + len(word), str(problem))


def _unknown(named: re.Match[str], rest: str, known: Known) -> str:
    next = nearest(named[1], known.columns) or f'Words are quoted: "{named[0]}{rest}"'
    return f"No column '{named[1]}' here. {next}"


def _than(text: str, kind: str, how: str, zone: tzinfo) -> Than:
    """What a column of that kind is compared with; BadInput or ValueError where it cannot be."""
    if kind == AGE:
        if how not in ("<", "<=", ">", ">="):
            raise ValueError("An age is compared: age<2h, age>1d.")
        return span(text)
    if kind == "time":
        return moment(text, zone)
    number = re.fullmatch(r"(-?[\d.]+(?:e-?\d+)?)(%?)", text)
    try:
        return float(number[1]) / (100 if number[2] else 1)  # type: ignore[index]
    except (TypeError, ValueError):
        if not kind:  # of rows that are not there yet
            return moment(text, zone)
        raise ValueError(f"'{text}' is not a number.") from None


def completions(typed: str, cursor: int, known: Known | None) -> list[tuple[str, int]]:
    """What the word before the cursor may become: the whole line then, and where its cursor stands."""
    if known is None:
        return []
    start = next((piece.start() for piece in _PIECE.finditer(typed) if piece.start() < cursor <= piece.end()), cursor)
    word, rest = typed[start:cursor], typed[cursor:]
    named = _FIELD.match(word)
    if named is None:
        begun = len(word) - len(word.lstrip("!"))
        return [_completed(typed[:start + begun], name + _HOW.get(known.columns[name], ":"), rest)
                for name in _like(word[begun:], list(known.columns))]
    begun = word.rfind("|") + 1 if "|" in word else named.end()
    return [_completed(typed[:start + begun], f'"{value}"' if re.search(r'[\s|"]', value) else value, rest)
            for value in _like(word[begun:].strip('"'), known.values(named[1].lower()))]


_HOW = {"number": "<", "time": ">", AGE: "<"}


def _completed(before: str, word: str, rest: str) -> tuple[str, int]:
    return before + word + rest, len(before) + len(word)


def _like(begun: str, offered: Sequence[str]) -> Iterator[str]:
    """Those that begin with it, then those that hold it; not what is typed already."""
    low = begun.lower()
    found = [each for each in offered if each.lower().startswith(low)]
    found += [each for each in offered if low in each.lower() and each not in found]
    return (each for each in found if each != begun)
