"""Folders packed into one file each, named by its content, and unpacked to the same bytes or not at all."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

from store.refusal import NotFound, Refusal, Unreadable
from store.rooms import room

MANIFEST = "MANIFEST.json"
MOST_FILES, LONGEST_NAME, LARGEST_MANIFEST = 100_000, 1_000, 64 << 20
PART = 1 << 18  # bytes that are read at once: larger ones cost more to be given than to be copied
AWAY, WORK = "going", "work"  # folders beside the archives: originals on their way out, and what is being made

Sink = Callable[[str], AbstractContextManager[IO[bytes]]]


class In(Protocol):
    """A stream that is read from its beginning on; it need not go back."""

    def read(self, size: int, /) -> bytes: ...
    def tell(self) -> int: ...
    def seek(self, place: int, /) -> int: ...


class Out(Protocol):
    def write(self, content: bytes, /) -> int: ...
    def tell(self) -> int: ...


@dataclass(frozen=True)
class Held:
    """What an archive holds: the digest and size of each file by its path, and what was said about it."""

    files: Mapping[str, tuple[str, int]]
    about: Mapping[str, str]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.files.values())


class Archives:
    """A folder of archives: `ab/abcd….tar`, each named by the SHA-256 of its bytes. What was sealed stays sealed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, id: str) -> Path:
        """Where an archive lies; NotFound where it does not."""
        found = self.root / id[:2] / f"{id}.tar"
        if len(id) != 64 or not set(id) <= set("0123456789abcdef") or not found.is_file():
            raise NotFound(f"There is no archive {id[:12]}.", where=str(self.root))
        return found

    def keep(self, folder: Path, about: Mapping[str, str]) -> tuple[str, Held]:
        """Pack a folder, look whether what was written is what is there, and only then give the archive its name."""
        with self._written(), room(self.root / WORK) as work:
            draft = work / "draft.tar"
            _pack(folder, draft, about)
            held = verified(draft)
            if held.files != _listed(folder):
                raise Unreadable("The files changed while they were packed.", where=str(folder), next="Try again.")
            id = _digest(draft)
            target = self.root / id[:2] / f"{id}.tar"
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
            _settle(target.parent)
        return id, held

    def checked(self, id: str) -> Held:
        """The archive read again, whole: Unreadable where a byte of it is another."""
        path = self.path(id)
        if _digest(path) != id:
            raise Unreadable(f"The archive {id[:12]} is damaged.", where=str(path), next="Restore it from a backup.")
        return verified(path)

    def give_back(self, id: str, target: Path, instead: Mapping[str, bytes] | None = None) -> Held:
        """Unpack an archive into a folder that is not there yet: it appears whole, or not at all.

        `instead`: files of it that have another content by now, such as the header of what is sealed.
        """
        self.checked(id)
        with self._written(), room(self.root / WORK) as work:
            held = unpacked(self.path(id), work / "folder")
            for name, content in (instead or {}).items():
                (work / "folder" / name).write_bytes(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                (work / "folder").rename(target)
            except OSError as problem:
                if not target.exists():
                    raise
                raise Refusal("There is something in its place.", where=str(target),
                              next="Look what it is.") from problem
            _settle(target.parent)
        return held

    def remove(self, id: str) -> None:
        """Delete an archive, whatever is beside it; nothing where it is gone already."""
        with self._written():
            for ending in (".tar", ".seal"):
                (self.root / id[:2] / f"{id}{ending}").unlink(missing_ok=True)

    def let_go(self, folder: Path) -> None:
        """Remove a folder: it leaves its place at once and as a whole, and is deleted afterwards."""
        with room(self.root / AWAY) as away, suppress(FileNotFoundError):  # somebody else was as quick
            folder.rename(away / "folder")
            _settle(folder.parent)

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Say it plainly where nothing can be written or a file is gone; what was there is as it was."""
        try:
            yield
        except OSError as problem:
            raise Refusal(f"The archive cannot be written: {problem.strerror or problem}; nothing was removed.",
                          where=str(self.root), next="Make room, or look who else is at it, and run it again.") \
                from problem


def _listed(folder: Path) -> dict[str, tuple[str, int]]:
    """The plain files below a folder by path; Refusal for a link or anything else that is no file."""
    found: dict[str, tuple[str, int]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refusal(f"'{path.name}' is no plain file.", where=str(path), next="Archive plain files only.")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = _digest(path), path.stat().st_size
    if not found:
        raise NotFound("There is no file to archive.", where=str(folder))
    return found


def _pack(folder: Path, target: Path, about: Mapping[str, str]) -> None:
    with target.open("wb") as stream:
        packed(folder, _listed(folder), about, stream)
        stream.flush()
        os.fsync(stream.fileno())


def packed(folder: Path, files: Mapping[str, tuple[str, int]], about: Mapping[str, str], stream: Out) -> None:
    """Write the listed files of a folder; the same ones give the same bytes: sorted, without owner, time or rights."""
    manifest = json.dumps({"about": dict(sorted(about.items())), "files": {name: list(each) for name, each in
                                                                           files.items()}}, sort_keys=True).encode()
    with tarfile.TarFile(fileobj=cast(IO[bytes], stream), mode="w", format=tarfile.PAX_FORMAT,
                         copybufsize=PART) as archive:
        archive.addfile(_entry(MANIFEST, len(manifest)), io.BytesIO(manifest))
        for name, (_, size) in files.items():
            with (folder / name).open("rb") as content:
                archive.addfile(_entry(f"files/{name}", size), content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o644, 0
    return entry


def verified(path: Path) -> Held:
    """What an archive holds, every byte read; Unreadable where it is not what its manifest says."""
    with path.open("rb") as stream:
        return read(stream, path.stat().st_size, path)


def unpacked(path: Path, target: Path) -> Held:
    """The same, with the files written below a folder that is made for them."""
    target.mkdir()
    with path.open("rb") as stream:
        return read(stream, path.stat().st_size, path, lambda name: _settled(target / name))


@contextmanager
def _settled(path: Path) -> Iterator[IO[bytes]]:
    """A new file, on the disk when it is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def read(stream: In, most: int, path: Path, sink: Sink | None = None) -> Held:
    """What a stream holds, compared with its manifest while each file is written where `sink` says; `most` bytes."""
    try:
        with tarfile.TarFile(fileobj=cast(IO[bytes], stream), mode="r") as archive:
            held = _manifest(archive, most, path)
            left = dict(held.files)
            while (entry := archive.next()) is not None:
                name = entry.name.removeprefix("files/")
                if not entry.name.startswith("files/") or name not in left:
                    raise _unlike(path, f"it holds '{entry.name[:80]}', of which its manifest knows nothing")
                _content(archive, entry, left.pop(name), path, sink and sink(name))
    except (tarfile.TarError, EOFError, OverflowError) as problem:
        raise _unlike(path, f"it is no whole archive ({problem})") from problem
    if left:
        raise _unlike(path, f"{len(left)} of its files are missing, such as '{next(iter(left))[:80]}'")
    return held


def _manifest(archive: tarfile.TarFile, most: int, path: Path) -> Held:
    first = archive.next()
    if first is None or first.name != MANIFEST or not _plain(first) or first.size > LARGEST_MANIFEST:
        raise _unlike(path, "it does not begin with a manifest")
    stream = archive.extractfile(first)
    try:
        document: Any = json.loads(stream.read()) if stream is not None else None
        files = {str(name): (str(digest), int(size)) for name, (digest, size) in document["files"].items()}
        about = {str(key): str(value) for key, value in document["about"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise _unlike(path, "its manifest cannot be read") from problem
    if len(files) > MOST_FILES or sum(size for _, size in files.values()) > most:
        raise _unlike(path, "its manifest names more than it can hold")
    for name in files:
        if not _inside(name):
            raise _unlike(path, f"'{name[:80]}' would lie outside of its folder")
    return Held(files, about)


def _plain(entry: tarfile.TarInfo) -> bool:
    """A regular file that takes as much room as it says: no link, no device, no sparse one."""
    return entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()


def _inside(name: str) -> bool:
    """Whether a path leads nowhere but down.

    >>> [_inside(name) for name in ("a/b.txt", "../b", "/b", "a/../b", "a//b", "", "a\\\\b", "./a")]
    [True, False, False, False, False, False, False, False]
    """
    parts = PurePosixPath(name)
    return (0 < len(name) <= LONGEST_NAME and not parts.is_absolute() and ".." not in parts.parts
            and str(parts) == name and name != "." and "\\" not in name and "\0" not in name)


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo, wanted: tuple[str, int], path: Path,
             target: AbstractContextManager[IO[bytes]] | None) -> None:
    """One file, compared with its digest while it is read, and written where a target is named."""
    stream = archive.extractfile(entry) if _plain(entry) and entry.size == wanted[1] else None
    if stream is None:
        raise _unlike(path, f"'{entry.name[:80]}' is not the file that its manifest names")
    with target or nullcontext() as out:
        found = _copied(stream, out)
    if found != wanted[0]:
        raise _unlike(path, f"'{entry.name[:80]}' is damaged")


def _copied(stream: IO[bytes], out: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while part := stream.read(PART):
        digest.update(part)
        if out is not None:
            out.write(part)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return _copied(stream, None)


def _settle(folder: Path) -> None:
    """Have the disk know the names in a folder before anything relies on them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unlike(path: Path, why: str) -> Unreadable:
    return Unreadable(f"The archive cannot be used: {why}.", where=str(path), next="Restore it from a backup.")
