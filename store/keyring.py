"""The master keys that models are sealed under: files only their owner reads, a passphrase, or the environment."""

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from store.envelope import KEY, settle
from store.modelfiles import Origin
from store.refusal import NotFound, Refusal, Unreadable

ACTIVE, LOCK = "active", "lock"
COST = {"n": 1 << 15, "r": 8, "p": 3}  # of a passphrase (RFC 7914): 32 MiB, as OWASP has it in 2024
_MOST = 1 << 30  # bytes that a damaged file may have us take for it
_ID = re.compile(r"[0-9a-f]{16}")
SHORTEST = 12  # letters of a passphrase


def id_of(key: bytes) -> str:
    """A key's name: 16 hex digits that say nothing of it, and by which a wrong one is told."""
    return hmac.new(key, b"mlops-tui vault key", hashlib.sha256).hexdigest()[:16]


def derived(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    """The key of a passphrase by scrypt (RFC 7914)."""
    return Scrypt(salt=salt, length=KEY, n=n, r=r, p=p).derive(passphrase.encode())


class Keyring:
    """A folder with one small file for each master key, and the name of the active one."""

    def __init__(self, folder: Path, origin: Origin | None = None,
                 environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.origin, self.environment = folder, origin or Origin(), environment or {}
        self._known: dict[str, bytes] = {}

    def ids(self) -> list[str]:
        """Every key there is, active or not, in the order of their making."""
        found = [path for path in self.folder.glob("*.key") if _ID.fullmatch(path.stem)] if self.folder.is_dir() else []
        return [path.stem for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.stem))]

    def active(self) -> str:
        """The key that new models are sealed under; empty where there is none yet."""
        try:
            return (self.folder / ACTIVE).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def ready(self) -> str:
        """The active key, made where there is none; two processes at once get the same one."""
        if not self.active():
            made = self.made()
            staged = self._staged(ACTIVE, made.encode())
            with suppress(FileExistsError):  # somebody else was as quick
                os.link(staged, self.folder / ACTIVE)
            staged.unlink()
            settle(self.folder)
            if self.active() != made:
                (self.folder / f"{made}.key").unlink(missing_ok=True)
        self.key(self.active())
        return self.active()

    def key(self, id: str) -> bytes:
        """A master key; NotFound where it is gone, Unreadable where it is not the one of that name."""
        if id not in self._known:
            found = self._read(id)
            if id_of(found) != id:
                raise Unreadable(f"What is held for the vault's key {id} is another key.", where=self.of(id),
                                 next="Give it the key that the models were sealed under.")
            self._known[id] = found
        return self._known[id]

    def of(self, id: str) -> str:
        """Where a key comes from, in words."""
        try:
            document = self._document(id)
        except (NotFound, Unreadable):
            return "gone"
        return str(Origin(str(document.get("from")), str(document.get("variable", ""))))

    def made(self) -> str:
        """A new key of today's origin, kept but not active yet; one that was kept already is taken up again."""
        document: dict[str, Any] = {"from": self.origin.kind}
        if self.origin.kind == "file":
            key = secrets.token_bytes(KEY)
            document["key"] = key.hex()
        else:
            document["variable"] = self.origin.variable
            if self.origin.kind == "passphrase":
                document |= {"salt": secrets.token_hex(16), **COST}
            key = self._from_environment(document)
        id = id_of(key)
        if self.origin.kind == "key" and id == self.active():
            raise Refusal(f"${self.origin.variable} holds the active key already.", where="mlops.yaml, vault: key_env",
                          next="Put the new key into another variable and name that; keep the old one until then.")
        path = self.folder / f"{id}.key"
        if not path.exists():
            self._staged(path.name, json.dumps(document).encode()).replace(path)
            settle(self.folder)
        return id

    def activate(self, id: str) -> None:
        """From now on new models are sealed under it."""
        self.key(id)
        self._staged(ACTIVE, id.encode()).replace(self.folder / ACTIVE)
        settle(self.folder)

    def destroy(self, id: str) -> None:
        """Overwrite and remove a key. What else the disk or a backup holds of it is beyond us."""
        path = self.folder / f"{id}.key"
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            with path.open("r+b") as stream:
                stream.write(secrets.token_bytes(size))
                stream.flush()
                os.fsync(stream.fileno())
            path.unlink()
            settle(self.folder)
        self._known.pop(id, None)

    @contextmanager
    def held(self, *, alone: bool = False) -> Iterator[None]:
        """Nobody changes keys meanwhile; with `alone` nobody seals anything either. A killed process lets go."""
        self._folder()
        with (self.folder / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    # -- reading ------------------------------------------------------------------------------------------------

    def _read(self, id: str) -> bytes:
        document = self._document(id)
        try:
            return bytes.fromhex(document["key"]) if document["from"] == "file" else self._from_environment(document)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise _damaged(self.folder / f"{id}.key") from problem

    def _document(self, id: str) -> dict[str, Any]:
        path = self.folder / f"{id}.key"
        try:
            mode, content = path.stat().st_mode, path.read_bytes()
        except FileNotFoundError as problem:
            raise NotFound(f"The vault's key {id} is not here: nobody can read what was sealed under it.",
                           where=str(self.folder), next="Restore the folder of keys from a backup.") from problem
        if mode & 0o077:
            raise Unreadable("Others may read a key of the vault.", where=str(path), next=f"Say: chmod 600 {path}")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as problem:
            raise _damaged(path) from problem
        if not isinstance(document, dict):
            raise _damaged(path)
        return document

    def _from_environment(self, document: Mapping[str, Any]) -> bytes:
        """A key, or one made of a passphrase, that a variable holds; what it holds is shown to nobody."""
        variable = str(document["variable"])
        value, where = self.environment.get(variable, ""), f"environment variable {variable}"
        if not value:
            raise Refusal(f"The vault's key is in ${variable}, which is not set.", where=where,
                          next="Set it for this process; it is never written down by us.")
        if document["from"] == "key":
            return _decoded(value, where)
        if len(value) < SHORTEST:
            raise Refusal(f"The vault's passphrase is shorter than {SHORTEST} letters.", where=where,
                          next="Take several words.")
        n, r, p = (int(document[name]) for name in ("n", "r", "p"))
        if not 0 < 128 * n * r <= _MOST or not 0 < p <= 64:
            raise Unreadable("What is kept of the vault's passphrase is damaged.", where=str(self.folder))
        return derived(value, bytes.fromhex(document["salt"]), n, r, p)

    # -- writing ------------------------------------------------------------------------------------------------

    def _folder(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.folder

    def _staged(self, name: str, content: bytes) -> Path:
        staged = beside(self._folder() / name)
        write(staged, content, 0o600)
        return staged


def beside(path: Path) -> Path:
    """A name beside a file's that nobody else has, to write it under until it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A file whose bytes the disk has; nobody else could read it before they were there."""
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as problem:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise Refusal(f"The vault cannot write: {problem.strerror or problem}; what was there is there still.",
                      where=str(path.parent), next="Make room, and run it again.") from problem


def _decoded(text: str, where: str) -> bytes:
    """32 bytes, as 64 hex digits or in base64."""
    for decode in (bytes.fromhex, lambda given: base64.b64decode(given, validate=True)):
        with suppress(ValueError, binascii.Error):
            if len(found := decode(text.strip())) == KEY:
                return found
    raise Refusal("The vault's key should be 32 bytes, as 64 hex digits or in base64.", where=where,
                  next="Make one: openssl rand -hex 32")


def _damaged(path: Path) -> Unreadable:
    return Unreadable("A key of the vault is damaged.", where=str(path), next="Restore it from a backup.")
