"""Which files make a version of a model, the digest of them, and how a project wants them kept."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from store.refusal import Refusal

SEALED, HEADER, SIGNATURE = "model.sealed", "model.seal", "model.sig"
ADDED_BY_MLFLOW = "registered_model_meta"  # written beside a model when somebody downloads it
BESIDE = frozenset({SEALED, HEADER, SIGNATURE, ADDED_BY_MLFLOW})  # what is none of a version's own files


@dataclass(frozen=True)
class Origin:
    """Where new master keys come from: `file`, or an environment variable that holds a `key` or a `passphrase`."""

    kind: str = "file"
    variable: str = ""

    def __str__(self) -> str:
        return "a file of the secret folder" if self.kind == "file" else f"{self.kind} in ${self.variable}"


@dataclass(frozen=True)
class Policy:
    """What a project wants of its vault: new versions sealed, signed, and none loaded without a signature; `signers`
    are files with the public keys that are trusted, the project's own where none is named."""

    seal: bool = False
    sign: bool = False
    require: bool = False
    signers: tuple[Path, ...] = ()
    origin: Origin = Origin()


def plain_files(folder: Path) -> list[Path]:
    """A version's own files that lie there plainly; Refusal where one is a link or no file at all, FileNotFoundError
    where one goes meanwhile."""
    found = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not (S_ISREG(mode) or S_ISDIR(mode)):
            raise Refusal(f"'{path.name}' is no plain file.", where=str(path), next="Models are made of plain files.")
        if S_ISREG(mode) and path.name not in BESIDE:
            found.append(path)
    return found


def hashed(folder: Path) -> dict[str, str]:
    """The SHA-256 of each of a version's plain files, by its path."""
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in plain_files(folder)}


def listed(files: Mapping[str, str]) -> str:
    """A version's digest: SHA-256 over the names and hashes of its files."""
    lines = "".join(f"{name}\0{files[name]}\n" for name in sorted(files, key=lambda name: name.split("/")))
    return hashlib.sha256(lines.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
