"""The history: append-only entries in one hash chain, and the transaction in which decisions are made."""

import copy
import hashlib
import json
import re
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import chain
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, overload

from store.connections import Connections, no_room
from store.facts import Fact, body_of, fact_of
from store.refusal import Conflict, Refusal, Unreadable
from store.spoken import apart, changed, together, without
from store.withheld import Withheld

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

GENESIS = "0" * 64
_READ = ("SELECT seq, kind, subject, effective_at, recorded_at, actor, body, prev, hash, words FROM entry "
         "LEFT JOIN said ON number = seq")
_WHOLE = _READ.replace(", words FROM", ", salt, words FROM")
_AT_ONCE = 10_000  # values that are bound to one query: SQLite takes three times as many
_WORDS = "(SELECT words FROM said WHERE number = seq)"
# those of store/rows.py
TABLES = frozenset(("card", "entry", "home", "inbox", "job", "lease", "outbox", "period", "pulse", "said"))


@dataclass(frozen=True)
class Entry:
    """One thing that happened: when in the world, when we learned it, who said so."""

    seq: int
    kind: str
    subject: str
    effective_at: datetime
    recorded_at: datetime
    actor: str
    fact: Fact
    hash: str


@dataclass(frozen=True)
class Broken:
    """The first place where the chain does not hold."""

    seq: int
    why: str


def entry_hash(seq: int, kind: str, subject: str, effective_at: str, recorded_at: str, actor: str, body: str,
               prev: str) -> str:
    """SHA-256 over the JSON list of all of an entry's fields and the hash of the one before."""
    fields = ", ".join(map(encode_basestring_ascii, (kind, subject, effective_at, recorded_at, actor, body, prev)))
    return hashlib.sha256(f"[{seq}, {fields}]".encode()).hexdigest()  # as json.dumps writes it, in half the time


def stamp(moment: datetime) -> str:
    """An aware time as UTC text that sorts like the time."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone cannot enter the history")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Term:
    """What an entry must hold, or must not: one of some texts, anywhere in it or in the field of that name.

    With `=` as `how`, the field is one of the texts; with `==` it is so in capitals and small letters, too; with `<`,
    `<=`, `>`, `>=` it is that to a number, or to a time.
    """

    texts: tuple[str, ...] = ()
    field: str = ""
    wanted: bool = True
    how: str = ":"
    than: float | datetime | None = None


class Known:
    """What a process has read of the history: each kind when it is first asked for, nothing twice."""

    def __init__(self) -> None:
        self._read: dict[str, list[Entry]] = {}
        self._whole: list[Entry] | None = None  # every kind in one, once somebody asked for that
        self._upto = 0
        self._lock = RLock()  # threads of one process share what it has read

    def clear(self) -> None:
        """Read everything anew: words were erased."""
        with self._lock:
            self._read, self._whole, self._upto = {}, None, 0

    def entries(self, connection: sqlite3.Connection, kinds: Sequence[str]) -> list[Entry]:
        """The entries of these kinds (none given: of all), oldest first, with what others appended meanwhile."""
        with self._lock:
            return self._entries(connection, kinds)

    def _entries(self, connection: sqlite3.Connection, kinds: Sequence[str]) -> list[Entry]:
        if self._whole is None:
            missing = [kind for kind in dict.fromkeys(kinds) if kind not in self._read]
            if missing:
                self._take(connection, f"seq <= ? AND {_among('kind', missing)}", (self._upto, *missing))
                self._read |= {kind: [] for kind in missing if kind not in self._read}
            elif not kinds:
                others = tuple(self._read)
                self._take(connection, f"seq <= ? AND {_among('kind', others, 'NOT IN')}", (self._upto, *others))
                self._whole = self._merged(self._read)
        self._catch_up(connection)
        if not kinds:
            return list(self._whole or ())
        return self._merged(dict.fromkeys(kinds))

    def _merged(self, kinds: Iterable[str]) -> list[Entry]:
        found = [self._read.get(kind, []) for kind in kinds]
        return list(found[0]) if len(found) == 1 else sorted(chain(*found), key=lambda entry: entry.seq)

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        head = _value(connection, "SELECT coalesce(max(seq), 0) FROM entry")
        if head > self._upto:
            kinds = () if self._whole is not None else tuple(self._read)
            chosen = f" AND {_among('kind', kinds)}" if self._whole is None else ""
            self._take(connection, f"seq > ? AND seq <= ?{chosen}", (self._upto, head, *kinds))
            self._upto = head

    def _take(self, connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> None:
        found = connection.execute(f"{_READ} WHERE {where} ORDER BY seq", values).fetchall()
        fresh = [_entry(row) for row in found]  # all or nothing: one may be unreadable
        for entry in fresh:
            self._read.setdefault(entry.kind, []).append(entry)
        if self._whole is not None:
            self._whole.extend(fresh)


class Whole(Sequence[Entry]):
    """The whole history as a decision sees it, read when the decision first looks at it."""

    def __init__(self, known: Known, connection: sqlite3.Connection) -> None:
        self._known, self._connection = known, connection
        self._entries: list[Entry] | None = None

    def _all(self) -> list[Entry]:
        if self._entries is None:
            self._entries = self._known.entries(self._connection, ())
        return self._entries

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        return self._all()[place]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._all())


class Ledger:
    """The only writer of the history. `clock` gives the time that is recorded."""

    recording = True

    def __init__(self, url: str, clock: Callable[[], datetime], actor: str) -> None:
        self.clock, self.actor = clock, actor
        self.until: datetime | None = None
        self.read_only = False
        self.only_of = ""
        self.withheld = Withheld()
        self._known = Known()
        self.marks: dict[str, int] = {}  # how far readers in this process have come; shared by its copies
        self.url, self.connections = url, Connections(url)
        self._tables: list[Engine] = []
        self._create()

    def _create(self) -> None:
        """Lay the tables once; two processes may both try."""
        try:
            with self.connections.one() as connection:
                found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
            if not {"entry_no_replace", *TABLES} <= found:
                tables().lay(self.engine)
        except sqlite3.DatabaseError as problem:
            raise Unreadable(f"The ledger cannot be opened: {problem}", where=self.url, next=(
                "Is the disk full? Make room, then try again." if no_room(problem) else
                "Restore it from a backup, or see mlops-tui doctor.")) from problem

    @property
    def engine(self) -> "Engine":
        """The door to the work tables beside the history, shared by the ledger's copies."""
        if not self._tables:
            self._tables.append(tables().engine_of(self.url))
        return self._tables[0]

    def acting_as(self, actor: str) -> "Ledger":
        """The same history, written by somebody else."""
        other = copy.copy(self)
        other.actor = actor
        return other

    def closed(self, *, until: datetime | None = None) -> "Ledger":
        """The same history, for reading only; with `until`, as it was known then."""
        other = copy.copy(self)
        other.read_only, other.recording, other.until = True, False, until
        return other

    def limited(self) -> "Ledger":
        """The same history for somebody who may not see what is made of everybody's rows: which states there were, and
        what this actor did. It stays so for whoever else acts in it."""
        other = copy.copy(self)
        other.only_of = self.only_of or self.actor
        return other

    def redacted(self, columns: frozenset[str], datasets: frozenset[str]) -> "Ledger":
        """The same history for somebody who may not see some columns or datasets: without what was found in them."""
        other = copy.copy(self)
        other.withheld = Withheld(columns, datasets)
        return other

    def rights(self) -> list[Entry]:
        """What was granted and taken back, which holds whoever reads, and as of now whatever time is looked at."""
        with self._reading() as connection:
            return self._known.entries(connection, ("granted", "revoked"))

    def _told(self, entries: list[Entry]) -> list[Entry]:
        return [self.withheld.of(entry) for entry in entries] if self.withheld else entries

    def _seen(self, entry: Entry) -> bool:
        """Whether the reader may know of an entry."""
        return not self.only_of or entry.kind == "snapshot" or (entry.kind, entry.actor) == ("command", self.only_of)

    @property
    def _limit(self) -> "Condition":
        """The same as a condition to add, and the values it binds."""
        condition = " AND (kind = 'snapshot' OR (kind = 'command' AND actor = ?))"
        return (condition, (self.only_of,)) if self.only_of else ("", ())

    def locked(self) -> "AbstractContextManager[Connection]":
        """A transaction of the work tables that holds the write lock from its first statement; Unreadable where it
        cannot be had."""
        held: AbstractContextManager[Connection] = tables().locked(self.engine)
        return held

    def append(self, *facts: Fact, effective_at: datetime | None = None) -> list[Entry]:
        """Put facts at the end of the history, all or none."""
        return self.transact(lambda _: facts, effective_at=effective_at)

    def transact(self, decide: Callable[[Sequence[Entry]], Iterable[Fact]], *,
                 effective_at: datetime | None = None) -> list[Entry]:
        """Decide on the whole history under the write lock, and append what was decided."""
        if self.read_only:
            raise Refusal("This history is open for reading only.", next="Open the project without --read-only.")
        with self.connections.writing() as connection:
            facts = tuple(decide(Whole(self._known, connection)))
            return [self._insert(connection, fact, self.actor, effective_at) for fact in facts]

    def unit(self) -> "Unit":
        """A piece of work on the history as it stands, whose entries are written at its end, all or none."""
        return Unit(self)

    def _insert(self, connection: sqlite3.Connection, fact: Fact, actor: str, effective_at: datetime | None) -> Entry:
        previous = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        seq, prev = (previous[0] + 1, previous[1]) if previous else (1, GENESIS)
        recorded = stamp(self.clock())
        happened = stamp(effective_at) if effective_at is not None else recorded
        held, salt, words = apart(fact.kind, body_of(fact))
        body = json.dumps(held, sort_keys=True, ensure_ascii=False, allow_nan=False)
        body = body.encode("utf-8", "backslashreplace").decode("utf-8")  # a file name that is no UTF-8 stays JSON
        values = (seq, fact.kind, fact.subject, happened, recorded, actor, body, prev)
        digest = entry_hash(*values)
        connection.execute(
            "INSERT INTO entry (seq, kind, subject, effective_at, recorded_at, actor, body, prev, hash) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, digest))
        if words:
            connection.execute("INSERT INTO said (number, salt, words) VALUES (?, ?, ?)", (seq, salt, words))
        return Entry(seq, fact.kind, fact.subject, datetime.fromisoformat(happened), datetime.fromisoformat(recorded),
                     actor, fact, digest)

    def entries(self, *kinds: str, subject: str | None = None) -> list[Entry]:
        """The history so far, oldest first, of those kinds and that subject only where given."""
        with self._reading() as connection:
            found = self._known.entries(connection, kinds)
        if subject is not None:
            found = [entry for entry in found if entry.subject == subject]
        if self.until is None and not self.only_of:
            return self._told(found)
        return self._told([entry for entry in found if (self.until is None or entry.recorded_at <= self.until)
                           and self._seen(entry)])

    def head_seq(self) -> int:
        """The number of the last entry, 0 where there is none."""
        return self._last()[0]

    def head(self) -> str:
        """The hash of the last entry: the anchor to verify against later."""
        return self._last()[1]

    def _last(self) -> tuple[int, str]:
        with self._reading() as connection:
            upto = _value(connection, "SELECT coalesce(max(seq), 0) FROM entry")
            if self.until is not None:
                upto = _known_by(connection, stamp(self.until), upto)
            found = connection.execute("SELECT seq, hash FROM entry WHERE seq <= ? ORDER BY seq DESC LIMIT 1",
                                       (upto,)).fetchone()
        return (int(found[0]), str(found[1])) if found is not None else (0, GENESIS)

    # -- a page of it -----------------------------------------------------------------------------------------------

    def numbers(self, terms: "Sequence[Term]" = (), *, above: int = 0, upto: int, by: str = "seq") -> list[int]:
        """The numbers over `above` and up to `upto` of the entries that keep all the terms, by what stands in a column,
        the oldest first where that is the same."""
        if by not in _COLUMNS:
            raise ValueError(f"a history is not put in order by {by}")
        where, values = _joined(_kept(terms), self._limit)
        with self._reading() as connection:
            found = connection.execute(f"SELECT seq FROM entry WHERE seq > ? AND seq <= ?{where} ORDER BY {by}, seq",
                                       (above, upto, *values)).fetchall()
        return [number for number, in found]

    def at(self, numbers: Sequence[int]) -> list[Entry]:
        """The entries of these numbers, in that order; nothing else is read."""
        (where, values), found = self._limit, list[tuple[object, ...]]()
        with self._reading() as connection:
            for first in range(0, len(numbers), _AT_ONCE):
                some = numbers[first:first + _AT_ONCE]
                found += connection.execute(f"{_READ} WHERE {_among('seq', some)}{where}", (*some, *values)).fetchall()
        known = {entry.seq: entry for entry in self._told([_entry(row) for row in found])}
        return [known[number] for number in numbers if number in known]

    def page(self, offset: int, limit: int, *, upto: int) -> list[Entry]:
        """Entries up to that number, the newest first, from the `offset`th on, and no more than `limit`."""
        where, values = self._limit
        if not self.only_of:  # numbers have no gaps: go there at once
            offset, upto = 0, upto - offset
        with self._reading() as connection:
            found = connection.execute(f"{_READ} WHERE seq <= ?{where} ORDER BY seq DESC LIMIT ? OFFSET ?",
                                       (upto, *values, limit, offset)).fetchall()
        return self._told([_entry(row) for row in found])

    def latest(self) -> datetime | None:
        """When the last entry was recorded, even where an entry can no longer be read; None in an empty history."""
        with self._reading() as connection:
            found = connection.execute("SELECT recorded_at FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        return datetime.fromisoformat(str(found[0])) if found is not None else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read by; Unreadable where the file is damaged."""
        try:
            with self.connections.one() as connection:
                yield connection
        except sqlite3.DatabaseError as problem:
            raise Unreadable(f"The ledger cannot be read: {problem}.", where=str(self.connections.path),
                             next="Restore it from a backup, or see mlops-tui doctor.") from problem

    def verify(self, anchor: str | None = None) -> Broken | None:
        """The first broken place of the chain; None where every hash, link and the anchor hold."""
        prev, expected, seen = GENESIS, 1, anchor is None or anchor == GENESIS
        with self._reading() as connection, closing(connection.execute(f"{_WHOLE} ORDER BY seq")) as found:
            for row in found:
                seq, row_prev, digest = int(row[0]), str(row[7]), str(row[8])
                if seq != expected:
                    return Broken(expected, f"entry {expected} is missing")
                if row_prev != prev:
                    return Broken(seq, "its link does not match the entry before it")
                if entry_hash(*row[:8]) != digest:
                    return Broken(seq, "its content does not match its hash")
                if row[9] is not None and (field := changed(row[6], row[9], row[10])):
                    return Broken(seq, f"its {field} is not what was said")
                prev, expected, seen = digest, seq + 1, seen or digest == anchor
        return None if seen else Broken(expected, f"the anchor {anchor} is not in the history: its end was cut off")

    def forget(self, pattern: re.Pattern[str]) -> int:
        """Erase what people said wherever the pattern is found in it, and its salt; in how many entries. The entries
        stay, and so does the chain; whoever has read the words keeps them until his process ends."""
        with self.connections.writing() as connection:
            found = [(number, left) for number, words in connection.execute("SELECT number, words FROM said")
                     if (left := without(words, pattern)) is not None]
            for number, left in found:
                if left:
                    connection.execute("UPDATE said SET words = ? WHERE number = ?", (left, number))
                else:
                    connection.execute("DELETE FROM said WHERE number = ?", (number,))
        if found:
            self._known.clear()
        return len(found)

    def close(self) -> None:
        self.connections.close()
        for engine in self._tables:
            engine.dispose()


class Unit(Ledger):
    """What one piece of work decides, kept back until it can be written at once with whatever belongs to it.

    It sees the history as it was when it began, and what it decided since. Nothing is locked meanwhile.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.__dict__.update(ledger.__dict__)
        self.ledger, self._from = ledger, ledger.head_seq()
        self.marks = dict(ledger.marks)
        self._decided: list[tuple[Fact, str, datetime | None]] = []
        self._own: list[Entry] = []

    def transact(self, decide: Callable[[Sequence[Entry]], Iterable[Fact]], *,
                 effective_at: datetime | None = None) -> list[Entry]:
        """Decide on the history and this unit's own entries, and keep what was decided."""
        if self.read_only:
            return super().transact(decide, effective_at=effective_at)
        new = []
        for fact in tuple(decide(self.entries())):
            now = self.clock()
            new.append(Entry(self._from + len(self._own) + 1, fact.kind, fact.subject, effective_at or now, now,
                             self.actor, fact, ""))
            self._own.append(new[-1])
            self._decided.append((fact, self.actor, effective_at))
        return new

    def entries(self, *kinds: str, subject: str | None = None) -> list[Entry]:
        """The history up to where the unit began, and its own entries."""
        found = super().entries(*kinds, subject=subject)
        found = found[:bisect_right(found, self._from, key=attrgetter("seq"))]
        return found + [entry for entry in self._own if (not kinds or entry.kind in kinds)
                        and (subject is None or entry.subject == subject)]

    def _last(self) -> tuple[int, str]:
        return (self._own[-1].seq, "") if self._own else super()._last()

    def commit(self, also: "Callable[[Connection], None]" = lambda _: None) -> list[Entry]:
        """Write it all in one transaction, `also` with it; Conflict where the history has grown meanwhile."""
        with self.locked() as connection:
            driver: Any = connection.connection.driver_connection
            if self._decided and _value(driver, "SELECT coalesce(max(seq), 0) FROM entry") != self._from:
                raise Conflict("The history has grown meanwhile.", next="Try again.")
            new = [self.ledger._insert(driver, *each) for each in self._decided]
            also(connection)
        self.ledger.marks.update(self.marks)
        return new


def tables() -> Any:
    """`store.tables`, imported when it is first needed: the history is read and written without it, which halves the
    start of most commands."""
    return import_module("store.tables")


def _known_by(connection: sqlite3.Connection, moment: str, upto: int) -> int:
    """The number of the last entry that was recorded by then, found by halves: entries are recorded one after another.
    """
    low, high = 0, upto
    while low < high:
        middle = (low + high + 1) // 2
        [recorded] = connection.execute("SELECT recorded_at FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1",
                                        (middle,)).fetchone()
        low, high = (middle, high) if recorded <= moment else (low, middle - 1)
    return low


def _value(connection: sqlite3.Connection, query: str, values: Sequence[object] = ()) -> int:
    return int(connection.execute(query, tuple(values)).fetchone()[0])


def _entry(row: tuple[object, ...]) -> Entry:
    seq, kind, subject, effective_at, recorded_at, actor, body, _, digest, words = row
    try:
        held = json.loads(str(body))
        if words is not None or '{"said":' in str(body):
            held = together(held, str(words or ""))
        fact = fact_of(str(kind), str(subject), held)
    except (KeyError, TypeError, ValueError) as problem:
        raise Refusal(f"Entry {seq} of the history cannot be read: {problem}",
                      next="Try: mlops-tui audit verify") from problem
    return Entry(int(str(seq)), str(kind), str(subject), datetime.fromisoformat(str(effective_at)),
                 datetime.fromisoformat(str(recorded_at)), str(actor), fact, str(digest))


def _joined(*conditions: "Condition") -> "Condition":
    return "".join(each for each, _ in conditions), tuple(value for _, values in conditions for value in values)


def _among(column: str, values: Sequence[object], how: str = "IN") -> str:
    return f"{column} {how} ({', '.join('?' * len(values))})"


Condition = tuple[str, tuple[Any, ...]]  # to add to a query, and the values that it binds
_COLUMNS = ("kind", "subject", "actor", "seq", "recorded_at", "effective_at")
_ANYWHERE = (*_COLUMNS[:4], "body", f"coalesce({_WORDS}, '')")


def _kept(terms: Sequence[Term]) -> Condition:
    """The terms as conditions."""
    return _joined(*((f" AND {'' if term.wanted else 'NOT '}({condition})", values)
                     for term in terms for condition, values in [_condition(term)]))


def _condition(term: Term) -> Condition:
    if not term.field:
        texts = [(place, text) for text in term.texts for place in _ANYWHERE]
        return " OR ".join(_like(place) for place, _ in texts), tuple(_pattern(text) for _, text in texts)
    held, path = _field(term.field)
    if isinstance(term.than, datetime):
        return f"{held} {_HOW[term.how]} ?", (*path, stamp(term.than))
    if term.than is not None:
        return f"typeof({held}) IN ('integer', 'real') AND {held} {_HOW[term.how]} ?", (*path, *path, term.than)
    condition, made = {"=": (f"{held} COLLATE NOCASE = ?", str), "==": (f"{held} = ?", str)}.get(
        term.how, (_like(held), _pattern))
    return " OR ".join([condition] * len(term.texts)), tuple(
        value for text in term.texts for value in (*path, made(text)))


_HOW = {how: how for how in ("<", "<=", ">", ">=")}


def _field(name: str) -> tuple[str, tuple[str, ...]]:
    """Where a field is, and what it binds there; one that is no column is one of the body's, or of what was said."""
    if name in _COLUMNS:
        return name, ()
    return (f"coalesce(json_extract({_WORDS}, ?), json_extract(body, ?), '')",
            ('$."' + name.replace('"', "") + '"',) * 2)


def _like(held: str) -> str:
    return f"{held} LIKE ? ESCAPE '!'"


def _pattern(text: str) -> str:
    return "%" + re.sub("([!%_])", r"!\1", text) + "%"
