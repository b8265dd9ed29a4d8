"""Models encrypted at rest: a version's files in one sealed file, read back whole or not at all; and their signature.

A sealed version is `model.sealed`, its header `model.seal` and, where it is signed, `model.sig`. What is in it is
compared with the digests that it was sealed with, so the digest of a version is the one of its plain files.
"""

import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from store import archives, signing
from store.archives import Held
from store.envelope import SIZE, Header, Opening, Sealing, settle
from store.keyring import Keyring, write
from store.modelfiles import HEADER, SEALED, SIGNATURE, Policy, hashed, listed, plain_files
from store.refusal import NotFound, Refusal, Unreadable
from store.rooms import room, sweep
from store.signing import PublicKey, Signed, Unsigned

RENEWED = ".seal"  # beside an archive: the header that it would have had, were its bytes not its name


@dataclass(frozen=True)
class Place:
    """A header of a sealed version, and where a renewed one is put; or why it cannot be read."""

    path: Path
    header: Header | None
    why: str = ""

    @property
    def kek(self) -> str:
        return self.header.kek if self.header else ""


@dataclass(frozen=True)
class Vault:
    """The keys, a folder to work in, and what the project wants."""

    keys: Keyring
    work: Path
    signing: Path
    policy: Policy

    @classmethod
    def of(cls, root: Path, policy: Policy, environment: Mapping[str, str]) -> "Vault":
        """The vault of a project, whose models lie in a folder of `root`."""
        keys = Keyring(root / "keys" / "vault", policy.origin, environment)
        return cls(keys, root / "vault", root / "keys" / "signing", policy)

    # -- writing ------------------------------------------------------------------------------------------------

    @contextmanager
    def prepared(self, folder: Path, name: str) -> Iterator[Path]:
        """A new version's folder as the project wants it kept: signed, sealed, both, or as it is."""
        if self.policy.sign or self.policy.require:
            (folder / SIGNATURE).write_bytes(self.signature(name, self.hashes(folder)))
        if not self.policy.seal:
            yield folder
            return
        with self.keys.held(), room(self.work) as work:
            target = work / "model"
            with _written(self.work):
                target.mkdir()
                self._seal(folder, target, hashed(folder), self.keys.ready())
                if (folder / SIGNATURE).exists():
                    (target / SIGNATURE).write_bytes((folder / SIGNATURE).read_bytes())
            yield target

    def seal(self, folder: Path, digest: str) -> bool:
        """Seal the files of a version where they lie, and remove the plain ones; False where nothing was left to do.

        Whoever reads meanwhile gets the one or the other; whoever is killed has lost nothing, and seals it again.
        """
        with self.keys.held(alone=True), _written(folder):
            left = plain_files(folder)
            sweep(self.work)
            if not self.is_sealed(folder):
                hashes = hashed(folder)
                if listed(hashes) != digest:
                    raise Unreadable("The files are not the ones that were registered.", where=str(folder),
                                     next="Look what changed them before they are sealed.")
                with room(self.work) as work:
                    self._seal(folder, work, hashes, self.keys.ready())
                    (work / HEADER).replace(folder / HEADER)
                    (work / SEALED).replace(folder / SEALED)  # from here on it is sealed
                    settle(folder)
            elif left and self.digest(folder) != digest:
                raise Unreadable("What is sealed is not what was registered.", where=str(folder))
            for path in left:
                path.unlink(missing_ok=True)
            for path in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
                path.rmdir()
            return bool(left)

    def _seal(self, folder: Path, target: Path, hashes: Mapping[str, str], kek: str) -> None:
        """Write header and sealed file, and read them back before anybody relies on them."""
        digest = listed(hashes)
        files = {name: (sha256, (folder / name).stat().st_size) for name, sha256 in hashes.items()}
        header = Header.new(digest, kek, self.keys.key(kek))
        write(target / HEADER, header.packed())
        with (target / SEALED).open("xb") as out:
            stream = Sealing(header, header.opened(self.keys, str(target)), out)
            archives.packed(folder, files, {"artefact": digest}, stream)
            stream.close()
            out.flush()
            os.fsync(out.fileno())
        if self.held(target).files != files:
            raise Unreadable("The files changed while they were sealed.", where=str(folder), next="Try again.")

    def signer(self) -> str:
        """The fingerprint of the project's own signing key, made where there is none."""
        return signing.fingerprint(signing.own_key(self.signing).public_key())

    def signature(self, name: str, files: Mapping[str, str], key: Path | None = None) -> bytes:
        """The bundle of a version's files, by the key in a file or else by the project's own."""
        return signing.bundle(name, files, signing.private_key(key) if key else signing.own_key(self.signing))

    def sign(self, folder: Path, name: str, files: Mapping[str, str], key: Path | None = None) -> None:
        """Lay the signature of a version's files beside them; another one in its place goes."""
        content = self.signature(name, files, key)
        with room(self.work) as work, _written(folder):
            write(work / SIGNATURE, content)
            (work / SIGNATURE).replace(folder / SIGNATURE)
            settle(folder)

    # -- reading ------------------------------------------------------------------------------------------------

    def is_sealed(self, folder: Path) -> bool:
        return (folder / SEALED).is_file()

    def header(self, folder: Path) -> Header:
        """The header of a sealed version."""
        path = folder / HEADER
        with suppress(FileNotFoundError):
            return Header.read(path.read_bytes(), str(path))
        raise Unreadable("The header of the sealed model is not there.", where=str(path),
                         next="Restore it from a backup, with the keys of that time.")

    def held(self, folder: Path, sink: archives.Sink | None = None) -> Held:
        """What a sealed version holds, every byte of it verified; `sink` has it before that is sure."""
        header, path = self.header(folder), folder / SEALED
        key = header.opened(self.keys, str(path))
        with path.open("rb") as source:
            stream = Opening(header, key, source, str(path))
            found = archives.read(stream, path.stat().st_size, path, sink)
            stream.ended()
        if listed({name: sha256 for name, (sha256, _) in found.files.items()}) != header.artefact:
            raise Unreadable("What is sealed is not what its header says.", where=str(path))
        return found

    def files(self, folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
        """The files of a sealed version and their SHA-256, in memory only, when all of them were verified."""
        found: dict[str, BytesIO] = {}

        def sink(name: str) -> AbstractContextManager[IO[bytes]]:
            found[name] = BytesIO()
            return nullcontext(found[name])

        held = self.held(folder, sink)
        return ({name: content.getvalue() for name, content in found.items()},
                {name: sha256 for name, (sha256, _) in held.files.items()})

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Path]:
        """A version's plain files: where they lie, or in a folder of our own that nobody else reads and which goes."""
        if not self.is_sealed(folder):
            yield folder
            return
        with room(self.work) as work, _written(work):
            target = work / "files"
            target.mkdir(mode=0o700)
            self.held(folder, lambda name: _new(target / name))
            yield target

    def hashes(self, folder: Path) -> dict[str, str]:
        """The SHA-256 of each of a version's own files, whether or not they are sealed."""
        if not self.is_sealed(folder):
            try:
                found = hashed(folder)
            except FileNotFoundError:
                if not self.is_sealed(folder):  # else it was sealed while we read
                    raise
            if not self.is_sealed(folder):
                return found
        return {name: sha256 for name, (sha256, _) in self.held(folder).files.items()}

    def digest(self, folder: Path) -> str:
        """SHA-256 over the names and hashes of a version's own files, whether or not they are sealed."""
        return listed(self.hashes(folder))

    def signed(self, folder: Path, files: Mapping[str, str]) -> Signed:
        """Who signed these files; Unsigned or Unreadable where nobody who is trusted did."""
        path = folder / SIGNATURE
        try:
            content = path.read_bytes()
        except FileNotFoundError as problem:
            raise Unsigned("The model is not signed.", where=str(path), next="Try: mlops-tui vault status") from problem
        return signing.verified(content, files, self.trusted(), str(path))

    def trusted(self) -> list[PublicKey]:
        """The keys whose signatures count."""
        return [signing.public_key(each) for each in self.policy.signers or (self.signing / signing.PUBLIC,)]

    # -- changing keys ------------------------------------------------------------------------------------------

    def places(self, artifacts: Path, kept: Path) -> list[Place]:
        """The header of every sealed version below the folders of models and of archives."""
        return [*(_place(path, path, path.read_bytes()) for path in sorted(artifacts.rglob(HEADER))
                  if (path.parent / SEALED).is_file()),
                *(each for path in sorted(kept.glob("*/*.tar")) for each in _archived(path))]

    def rewrap(self, place: Place, kek: str) -> None:
        """Put a version under another master key: 96 bytes are replaced at once, the data are not touched."""
        if place.header is None:
            raise Unreadable(f"A sealed model cannot be put under another key: {place.why}", where=str(place.path))
        with room(self.work) as work:
            write(work / HEADER, place.header.rewrapped(self.keys, kek, str(place.path)).packed())
            (work / HEADER).replace(place.path)
            settle(place.path.parent)


def renewed(archive: Path) -> dict[str, bytes]:
    """What an archive's file of the same name is to be replaced with, when it is unpacked."""
    path = archive.with_suffix(RENEWED)
    return {HEADER: path.read_bytes()} if path.is_file() else {}


def _archived(archive: Path) -> Iterator[Place]:
    """The header within an archive of a sealed version, or the renewed one beside it."""
    path = archive.with_suffix(RENEWED)
    if path.is_file():
        yield _place(path, path, path.read_bytes())
        return
    try:
        with tarfile.open(archive, "r:") as held:
            while (entry := held.next()) is not None:
                if entry.name == f"files/{HEADER}":
                    stream = held.extractfile(entry)
                    yield _place(path, archive, stream.read(SIZE + 1) if stream else b"")
                    return
    except (tarfile.TarError, EOFError, OverflowError):
        yield Place(path, None, f"{archive} is no whole archive.")


def _place(path: Path, where: Path, content: bytes) -> Place:
    try:
        return Place(path, Header.read(content, str(where)))
    except Unreadable as problem:
        return Place(path, None, str(problem))


def _new(path: Path) -> AbstractContextManager[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Say it plainly where nothing can be written; what was there is there still."""
    try:
        yield
    except FileNotFoundError as problem:
        raise NotFound("A file of the model went away meanwhile.", where=str(folder), next="Try again.") from problem
    except OSError as problem:
        raise Refusal(f"The vault cannot write: {problem.strerror or problem}; nothing was removed.",
                      where=str(folder), next="Make room, and run it again.") from problem
