"""What lies in a lake and nothing refers to any more, found and removed so that nobody at work loses anything.

A file goes only when it is old: who writes content that is there already makes the file young again. Manifests and
files are removed under the ledger's write lock, under which states are announced, too (`Lake.require`).
"""

import json
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from store.lake import STAGING, Lake, read_manifest
from store.refusal import Refusal, Unreadable

State = tuple[str, str]  # dataset, snapshot
_FILE = re.compile(r"[0-9a-f]{64}\.parquet")
_MADE_BY = re.compile(r"(?:work|spill)-(\d+)")
NAMELESS = timedelta(days=1)  # after which work of nobody in particular is taken for left behind


@dataclass(frozen=True)
class Garbage:
    """What may go: manifests, files of the lake by path, leftovers of work; and the bytes of each dataset's part."""

    states: tuple[State, ...]
    files: tuple[str, ...]
    staging: tuple[Path, ...]
    bytes: Mapping[str, int]
    kept: frozenset[Path]
    before: float

    @property
    def size(self) -> int:
        return sum(self.bytes.values())


def found(lake: Lake, needed: Collection[str], held: Collection[str], grace: timedelta) -> Garbage:
    """All that is older than `grace` but for the states needed (by id), the datasets held, and what results keep.

    Unreadable where a manifest that stays cannot be read: what it needs is not known then.
    """
    now = _now(lake)
    before = now - grace.total_seconds()
    going = {(path.parent.parent.name, path.stem): path for path in manifests(lake) if path.stem not in needed
             and path.parent.parent.name not in held and _changed(path) < before}
    kept = [path for path in (*manifests(lake), *results(lake)) if path not in set(going.values())]
    used = _used(kept)
    files = [path for path in data_files(lake) if path not in used and path.partition("/")[0] not in held
             and _changed(lake.root / path) < before]
    size: dict[str, int] = {}
    left = tuple(_left_behind(lake, now, grace))
    whose = [(dataset, path) for (dataset, _), path in going.items()]
    whose += [(path.partition("/")[0], lake.root / path) for path in files] + [(STAGING, path) for path in left]
    for name, path in whose:
        size[name] = size.get(name, 0) + _size(path)
    return Garbage(tuple(going), tuple(files), left, size, frozenset(kept), before)


def drop_states(lake: Lake, garbage: Garbage, again: Collection[State]) -> int:
    """Remove manifests, but for those whose states were announced again meanwhile; the bytes. Hold the lock."""
    removed = 0
    for dataset, snapshot in garbage.states:
        if (dataset, snapshot) not in again:
            removed += _remove(lake, lake.root / dataset / "_snapshots" / f"{snapshot}.json", garbage.before) or 0
            lake.forget(dataset, snapshot)
    return removed


def drop_files(lake: Lake, garbage: Garbage, files: Collection[str]) -> tuple[int, int]:
    """Remove some of the files, but for those that are needed since; how many, and their bytes. Hold the lock."""
    used = _used(path for path in (*manifests(lake), *results(lake)) if path not in garbage.kept)
    removed = [_remove(lake, lake.root / path, garbage.before) for path in files if path not in used]
    return sum(size is not None for size in removed), sum(size or 0 for size in removed)


def drop_profiles(lake: Lake, held: Collection[str], before: float) -> int:
    """Remove the profiles of files that no snapshot has any more, and of months that nobody asked for since; the bytes.

    Whoever needs one that is gone makes it again.
    """
    size = 0
    for profiles in sorted(lake.root.glob("[!_]*/_profiles")):
        if profiles.parent.name in held:
            continue
        known = {file.folder for path in sorted(profiles.parent.glob("_snapshots/*.json"))
                 for file in read_manifest(path).files}
        for folder in sorted(profiles.glob("??/*/")):
            gone = [] if folder.name in known else [path for path in folder.iterdir() if _changed(path) < before]
            size += sum(_remove(lake, path, before) or 0 for path in gone)
            if gone and not any(folder.iterdir()):
                with suppress(OSError):  # somebody has put one there
                    folder.rmdir()
    return size


def drop_staging(left: Collection[Path]) -> int:
    """Remove what killed processes left; the bytes."""
    size = sum(_size(path) for path in left)
    for path in left:
        for each in (*sorted(path.rglob("*"), reverse=True), path):
            each.rmdir() if each.is_dir() and not each.is_symlink() else each.unlink(missing_ok=True)
    return size


def manifests(lake: Lake) -> list[Path]:
    """Every snapshot's manifest in the lake."""
    return sorted(lake.root.glob("[!_]*/_snapshots/*.json"))


def results(lake: Lake) -> list[Path]:
    """Every kept result in the lake."""
    return sorted(lake.root.glob("[!_]*/_results/*/*.json"))


def data_files(lake: Lake, only: str = "") -> Iterator[str]:
    """Every file of rows, and every mask, by its path in the lake (or in that dataset `only`); what else lies there is
    not ours."""
    for dataset in [lake.root / only] if only else sorted(lake.root.glob("[!_]*/")):
        for folder, folders, names in os.walk(dataset):
            folders[:] = sorted(name for name in folders if "=" in name or name == "_masks")
            place = Path(folder).relative_to(lake.root).as_posix()
            yield from (f"{place}/{name}" for name in sorted(names) if _FILE.fullmatch(name))


def _used(documents: Collection[Path] | Iterator[Path]) -> set[str]:
    """The files of the lake that manifests and results need."""
    used: set[str] = set()
    for path in documents:
        if path.parts[-3] == "_results":
            used |= _used_by_result(path)
            continue
        try:
            state = read_manifest(path)
        except FileNotFoundError:
            continue
        except Refusal as problem:
            raise Unreadable(f"{problem.what} What it needs is not known, so nothing is removed.", where=problem.where,
                             next="Try: mlops-tui snapshot verify") from problem
        used |= {file.path for file in state.files if not file.base} | {file.mask for file in state.files if file.mask}
    return used


def _used_by_result(path: Path) -> set[str]:
    """The files that a kept result names; figures and profiles are results without any."""
    try:
        files = json.loads(path.read_bytes())["files"]
        return {file["path"] for file in files if not file.get("base")} | {file["mask"] for file in files
                                                                           if file.get("mask")}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _remove(lake: Lake, path: Path, before: float) -> int | None:
    """Remove a file and say its bytes; None where it is gone already, or was made young by somebody at work.

    It is moved aside first: who makes it young before that is seen, who comes later does not find it and writes it.
    """
    aside = lake.root / STAGING / f"work-{os.getpid()}-{uuid4().hex}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    told = aside.stat()
    if told.st_mtime >= before:
        aside.replace(path)
        return None
    aside.unlink()
    return told.st_size


def left_behind(lake: Lake, makers: Collection[int] = ()) -> Iterator[Path]:
    """What lies in the staging folder though whoever made it is dead: all of it, or that of some processes."""
    for path in _left_behind(lake, _now(lake), timedelta(0)):
        maker = _MADE_BY.match(path.name)
        if not makers or (maker is not None and int(maker[1]) in makers):
            yield path


def _left_behind(lake: Lake, now: float, grace: timedelta) -> Iterator[Path]:
    """What lies in the staging folder though whoever made it is dead, or nobody knows who did."""
    for path in sorted((lake.root / STAGING).glob("*")):
        try:
            age = now - max(each.stat().st_mtime for each in (path, *path.rglob("*")))
        except FileNotFoundError:  # at work
            continue
        maker = _MADE_BY.match(path.name)
        if maker is None:
            left = age > NAMELESS.total_seconds()
        else:
            left = age > grace.total_seconds() and not _alive(int(maker[1]))
        if left:
            yield path


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _changed(path: Path) -> float:
    """When a file was changed; never, where somebody has removed it meanwhile: it is nobody's garbage any more."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _size(path: Path) -> int:
    return sum(size_of(each) for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())


def size_of(path: Path) -> int:
    """The bytes of a file; none where it is gone by now."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _now(lake: Lake) -> float:
    """The time by the clock of the disk on which the files lie."""
    folder = lake.root / STAGING
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)  # takes no room, of which there may be none
    return folder.stat().st_mtime
