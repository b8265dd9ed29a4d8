"""What a stream's entries say: records that a contract can be held against, or why there is none."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mlops_tui.declarations.odcs import Contract
from mlops_tui.logs.predictionlog import CALLED
from store.streams import Event

NESTED = ("object", "array")
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Record:
    """An event by column, each value as text, with the text of its id."""

    event: Event
    id: str
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class Dead:
    """An event that cannot be taken in, and why. `text` is the whole of it."""

    position: str
    reason: str
    text: str
    id: str = ""


@dataclass(frozen=True)
class Read:
    """A batch of entries: records with different ids, what cannot be read, how many came twice, names without a
    column."""

    records: tuple[Record, ...]
    dead: tuple[Dead, ...]
    twice: int = 0
    unnamed: tuple[str, ...] = ()


class Malformed(Exception):
    """Why an entry is no event."""


def read_events(events: Sequence[Event], contract: Contract, id_column: str) -> Read:
    """The entries, read: of those with one id the first counts."""
    kinds = {item.name: item.logicalType for item in contract.properties}
    called = called_otherwise(contract)
    records: dict[str, Record] = {}
    dead, twice, unnamed = list[Dead](), 0, dict[str, None]()
    for event in events:
        try:
            found = _record(event, kinds, called, id_column)
        except Malformed as problem:
            dead.append(Dead(event.position, str(problem), text_of(event)))
            continue
        unnamed |= dict.fromkeys(name for name in found.values if name not in kinds)
        twice += found.id in records
        records.setdefault(found.id, found)
    return Read(tuple(records.values()), tuple(dead), twice, tuple(unnamed)[:10])


def called_otherwise(contract: Contract) -> dict[str, str]:
    """The column by its server's name for it, of a prediction log whose contract says `predictionLog`."""
    said = contract.custom("predictionLog", {})
    time = str(contract.custom("eventTime", "") or "")
    return {str(said[role]): column for role, column in {**CALLED, "time": time}.items()
            if column and isinstance(said, dict) and said.get(role)}


def _record(event: Event, kinds: Mapping[str, str], called: Mapping[str, str], id_column: str) -> Record:
    values = {called.get(name, name): value for name, value in _values(event, kinds)}
    given = values.get(id_column)
    if given is None or not given.strip():
        raise Malformed(f"it has no {id_column}, by which it would be known")
    if kinds[id_column] == "integer":
        if not _WHOLE.fullmatch(given.strip()):
            raise Malformed(f"its {id_column} is '{given[:40]}', which is no whole number")
        given = values[id_column] = str(int(given)) if len(given) < 40 else given.strip()
    return Record(event, given, values)


def _values(event: Event, kinds: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    if event.fields is not None:
        yield from ((_decoded(name), _decoded(value)) for name, value in event.fields.items())
    elif event.body is None:
        raise Malformed("it was removed from the stream before it was read")
    else:
        text = _decoded(event.body)
        for name, value in _document(text).items():
            nested = isinstance(value, dict | list)
            if nested and kinds.get(name, "object") not in NESTED:
                raise Malformed(f"its {name} is {'an object' if isinstance(value, dict) else 'a list'}, declared "
                                f"{kinds[name]}")
            yield name, _text(json.loads(text)[name] if nested else value)


def _document(text: str) -> dict[str, Any]:
    """The object, its numbers as they are written."""
    try:
        found = _AS_WRITTEN.decode(text)
    except json.JSONDecodeError as problem:
        raise Malformed(f"it is no JSON: {problem.msg} at character {problem.pos}") from problem
    except RecursionError as problem:
        raise Malformed("it is no JSON: it is nested too deep") from problem
    if not isinstance(found, dict):
        raise Malformed("it is no JSON object")
    return found


def _no_number(text: str) -> NoReturn:
    raise Malformed(f"it is no JSON: {text} is no number")


_AS_WRITTEN = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_number)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as problem:
        raise Malformed(f"it is no UTF-8: {problem.reason} at byte {problem.start}") from problem


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise Malformed("it holds half a character, which is no text") from problem
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def text_of(event: Event) -> str:
    """The whole entry as text; bytes that are none are written with backslashes."""
    if event.fields is not None:
        shown = {key.decode(errors="backslashreplace"): value.decode(errors="backslashreplace")
                 for key, value in event.fields.items()}
        return json.dumps(shown, ensure_ascii=False)
    return (event.body or b"").decode(errors="backslashreplace")
