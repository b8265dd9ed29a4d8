"""The digests of files that were read before: a file that has not changed since is not read again."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from store.refusal import NotFound

YOUNG = 2_000_000_000  # ns: the coarsest clock of a file system that we know of (FAT) ticks every two seconds

Stamp = tuple[int, int, int, int]


class Seen:
    """What a file of ours remembers of other files: size, times and inode, and the digest that they had then.

    A file that was changed less than two seconds before it was read is not remembered: it could be changed again
    without its times showing it. A damaged memory is an empty one. Two processes may use it at once: the last to write
    wins, and what is lost is read again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _load(path)
        self._fresh: dict[str, list[object]] = {}

    def digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """The SHA-256 of each file; those that are not remembered are read, several at once. NotFound where one is
        gone."""
        wanted = list(dict.fromkeys(paths))
        stamps = {path: _stamp(path) for path in wanted}
        found = {path: digest for path in wanted if (digest := self._remembered(path, stamps[path]))}
        missing = [path for path in wanted if path not in found]
        if len(missing) > 1:
            with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
                read = list(pool.map(self._read, missing))
        else:
            read = [self._read(path) for path in missing]
        found |= dict(zip(missing, read, strict=True))
        return {path: found[path] for path in wanted}

    def _remembered(self, path: Path, stamp: Stamp) -> str:
        entry = self._fresh.get(str(path)) or self._known.get(str(path)) or []
        return str(entry[1]) if len(entry) == 2 and entry[0] == list(stamp) else ""

    def _read(self, path: Path) -> str:
        now, before = time.time_ns(), _stamp(path)
        try:
            digest = digest_of(path)
        except FileNotFoundError as problem:
            raise _gone(path) from problem
        if before == _stamp(path) and max(before[1], before[2]) < now - YOUNG:
            self._fresh[str(path)] = [list(before), digest]
        return digest

    def save(self, keep: Iterable[Path]) -> None:
        """Remember what was read, of these files only; nothing is written where nothing is new."""
        names = {str(path) for path in keep}
        kept = {name: entry for name, entry in self._known.items() if name in names}
        if not self._fresh and len(kept) == len(self._known):
            return
        body = json.dumps(kept | {name: entry for name, entry in self._fresh.items() if name in names})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, staged = tempfile.mkstemp(dir=self.path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
        Path(staged).replace(self.path)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _load(path: Path) -> Mapping[str, list[object]]:
    """What is remembered; nothing where the file is missing, cut short or changed."""
    with suppress(OSError, ValueError, UnicodeDecodeError):
        digest, _, body = path.read_text(encoding="utf-8").partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() == digest:
            found: dict[str, list[object]] = json.loads(body)
            return found
    return {}


def _stamp(path: Path) -> Stamp:
    """What changes when a file does; the time of the change itself (ctime) can be set by nobody."""
    try:
        found = path.stat()
    except FileNotFoundError as problem:
        raise _gone(path) from problem
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _gone(path: Path) -> NotFound:
    return NotFound(f"'{path.name}' is gone.", where=str(path), next="Was it moved? Put it back, or take again.")
