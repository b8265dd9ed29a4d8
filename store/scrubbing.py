"""A person's id taken out of what is no table of rows: work tables in SQLite, logs, objects of the lake."""

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from store.connections import PREFIX, WAIT, prepare
from store.lake import STAGING, Lake
from store.quoting import quote
from store.written import whole

ERASED = "[erased]"
SHORTEST = 5  # characters of an id that is looked for in texts: a shorter one is in many words that mean nobody
BLOCK = 1 << 22  # bytes of a file that are looked through at once
KEPT = ("entry", "said")  # the history itself is never changed; what people said is another's to erase


def telling(values: Iterable[str]) -> list[str]:
    """Those values that can be told from other words."""
    return [value for value in values if len(value) >= SHORTEST]


def _forms(value: str) -> set[str]:
    """A value as it is, as CSV writes it, and as JSON does, with and without escapes for what is not ASCII."""
    return {value, value.replace('"', '""'), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}


def pattern(values: Sequence[str]) -> re.Pattern[str]:
    """The values as whole words, as they are and as CSV and JSON write them; of a telling one only."""
    forms = {form for value in telling(values) for form in _forms(value)}
    return re.compile("|".join(rf"(?<![\w]){re.escape(form)}(?![\w])" for form in sorted(forms, key=len, reverse=True))
                      or r"(?!)")


def holding(paths: Iterable[Path], values: Sequence[str]) -> Iterator[Path]:
    """The files whose bytes have one of the telling values; a file that goes meanwhile has none."""
    words = {form.encode() for value in telling(values) for form in _forms(value)}
    wanted = re.compile(b"|".join(map(re.escape, words)) or b"(?!)")
    overlap = max(map(len, words), default=1)
    for path in paths:
        try:
            with path.open("rb") as file:
                before = b""
                while block := file.read(BLOCK):
                    if wanted.search(before + block):
                        yield path
                        break
                    before = block[-overlap:]
        except FileNotFoundError:
            continue


def objects(lake: Lake) -> list[Path]:
    """Every document that is kept beside the data."""
    return sorted((lake.root / "_objects").glob("??/*"))


def staged(lake: Lake) -> list[Path]:
    """Every file of work that somebody has begun."""
    return [path for path in (lake.root / STAGING).rglob("*") if path.is_file()]


def rubbed_out(path: Path, words: re.Pattern[str]) -> int:
    """Put `[erased]` where a text file has the words, and say in how many lines; the file stays whoever writes it."""
    changed, lines = 0, list[str]()
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True):
        clean = words.sub(ERASED, line)
        changed, lines = changed + (clean != line), [*lines, clean]
    if changed:
        with whole(path) as beside:
            beside.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
            beside.chmod(path.stat().st_mode & 0o777)
    return changed


def scrubbed(path: Path, words: re.Pattern[str]) -> int:
    """Put `[erased]` where any text of a SQLite file but the history has the words; in how many rows that was.

    Freed pages are overwritten, and the file made anew, so that no page of it or its log holds what was there.
    """
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        prepare(connection)
        connection.execute("PRAGMA secure_delete = ON")
        connection.create_function("has_word", 1, lambda text: isinstance(text, str) and bool(words.search(text)),
                                   deterministic=True)
        connection.create_function("without_word", 1, lambda text: words.sub(ERASED, text) if isinstance(text, str)
                                   else text, deterministic=True)
        changed = 0
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (table,) in names.fetchall():
            columns = [name for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({quote(table)})")
                       if "BLOB" not in str(kind).upper()]
            if table in KEPT or not columns:
                continue
            put = ", ".join(f"{quote(name)} = without_word({quote(name)})" for name in columns)
            some = " OR ".join(f"has_word({quote(name)})" for name in columns)
            changed += connection.execute(f"UPDATE OR REPLACE {quote(table)} SET {put} WHERE {some}").rowcount
        if changed:
            _made_anew(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def tables_with(path: Path, words: re.Pattern[str]) -> list[str]:
    """The tables of a SQLite file in whose texts the words are, the history as well."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        found = []
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in names:
            rows = connection.execute(f"SELECT * FROM {quote(table)}")
            if any(isinstance(value, str) and words.search(value) for row in rows for value in row):
                found.append(str(table))
        return found


def _made_anew(connection: sqlite3.Connection) -> None:
    """VACUUM once nobody is in the middle of something."""
    until = time.monotonic() + 60
    while True:
        try:
            connection.execute("VACUUM")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
        time.sleep(WAIT)


def file_of(url: str, root: Path) -> Path | None:
    """The file of a SQLite URL; None where it is no file."""
    return root / url.removeprefix(PREFIX) if url.startswith(PREFIX) else None
