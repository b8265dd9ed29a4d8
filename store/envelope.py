"""Files encrypted under a key of their own, which is wrapped by a master key: AES-256-GCM in chunks, AES key wrap.

A sealed file is chunks of 1 MiB, each followed by its tag. The nonce of a chunk is the prefix in the header and the
chunk's number; what is authenticated beside it is the fixed part of the header, that number and whether it is the last
one, so that a chunk which is changed, moved, dropped, doubled or of another file is refused, and so is a file that is
cut or longer. The header lies in a file of its own: who changes the master key replaces 96 bytes, and no data.
(NIST SP 800-38D; RFC 3394; the last-chunk flag is that of STREAM, Hoang, Reyhanitabar, Rogaway, Vizár 2015.)
"""

import os
import secrets
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from store.refusal import Unreadable

MAGIC = b"MTSEAL\x00\x01"  # the last byte is the version of the form
CHUNK, TAG, KEY = 1 << 20, 16, 32
_FIXED = struct.Struct(">8s32sI4s")  # magic, artefact, bytes of a chunk, prefix of the nonces
_SLOT = struct.Struct(">8s40s")  # the master key's id, the file's key wrapped by it
SIZE = _FIXED.size + _SLOT.size
_LARGEST = 1 << 26  # bytes of a chunk that somebody else's file may ask us to hold


class Source(Protocol):
    """Where sealed bytes are read from."""

    def readinto(self, buffer: memoryview, /) -> int: ...


class Keys(Protocol):
    """Where master keys are found by their id."""

    def key(self, id: str) -> bytes: ...


@dataclass(frozen=True)
class Header:
    """What must be known of a sealed file before it is read: `artefact` is the digest of what it holds."""

    artefact: str
    prefix: bytes
    kek: str
    wrapped: bytes
    chunk: int = CHUNK

    @property
    def fixed(self) -> bytes:
        """The part that no change of the master key touches: authenticated with every chunk."""
        return _FIXED.pack(MAGIC, bytes.fromhex(self.artefact), self.chunk, self.prefix)

    def packed(self) -> bytes:
        return self.fixed + _SLOT.pack(bytes.fromhex(self.kek), self.wrapped)

    @classmethod
    def new(cls, artefact: str, kek: str, master: bytes, *, chunk: int = CHUNK) -> "Header":
        """A header with a key that nobody has used before."""
        return cls(artefact, secrets.token_bytes(4), kek, aes_key_wrap(master, secrets.token_bytes(KEY)), chunk)

    @classmethod
    def read(cls, content: bytes, where: str) -> "Header":
        """Unreadable where it is no header of ours, or of a later form."""
        if len(content) != SIZE:
            raise Unreadable("The header of the sealed model is not whole.", where=where, next=_BACKUP)
        magic, artefact, chunk, prefix = _FIXED.unpack_from(content)
        kek, wrapped = _SLOT.unpack_from(content, _FIXED.size)
        if magic != MAGIC or not 0 < chunk <= _LARGEST:
            raise Unreadable("The header of the sealed model is damaged, or of a later form.", where=where,
                             next=_BACKUP)
        return cls(artefact.hex(), prefix, kek.hex(), wrapped, chunk)

    def opened(self, keys: Keys, where: str) -> bytes:
        """The file's own key; Unreadable where the master key is another or the header was changed."""
        try:
            return aes_key_unwrap(keys.key(self.kek), self.wrapped)
        except (InvalidUnwrap, ValueError) as problem:
            raise Unreadable("The sealed model's key cannot be unwrapped: its header was changed, or the master key "
                             "is another.", where=where, next=_BACKUP) from problem

    def rewrapped(self, keys: Keys, kek: str, where: str) -> "Header":
        """The same file's header under another master key."""
        return replace(self, kek=kek, wrapped=aes_key_wrap(keys.key(kek), self.opened(keys, where)))


_BACKUP = "Restore it from a backup, with the keys of that time."


def sealed_size(plain: int, chunk: int = CHUNK) -> int:
    """Bytes of a sealed file that holds so many plain ones."""
    return plain + TAG * max(1, -(-plain // chunk))


class Sealing:
    """A stream that encrypts what is written to it; only `close` makes the file whole."""

    def __init__(self, header: Header, key: bytes, target: IO[bytes]) -> None:
        self._header, self._cipher, self._target = header, AESGCM(key), target
        self._held, self._filled, self._index = memoryview(bytearray(header.chunk)), 0, 0
        self._out = memoryview(bytearray(header.chunk + TAG))

    def write(self, content: bytes | memoryview) -> int:
        """Take so much in; what fills a chunk is written, but the last full one waits: it may be the end."""
        left, chunk = memoryview(content), self._header.chunk
        while left:
            if self._filled == chunk:
                self._flush(last=False)
            part = left[:chunk - self._filled]
            self._held[self._filled:self._filled + len(part)] = part
            self._filled += len(part)
            left = left[len(part):]
        return len(content)

    def tell(self) -> int:
        """Bytes that were taken in."""
        return self._index * self._header.chunk + self._filled

    def close(self) -> None:
        """Write the last chunk, which says that it is the last; empty where nothing was written."""
        self._flush(last=True)

    def _flush(self, *, last: bool) -> None:
        out = self._out[:self._filled + TAG]
        beside = _beside(self._header, self._index, last)
        self._cipher.encrypt_into(_nonce(self._header, self._index), self._held[:self._filled], beside, out)
        self._target.write(out)
        self._filled, self._index = 0, self._index + 1


class Opening:
    """A stream of what a sealed file holds. Nothing of it is to be believed before `ended` has returned."""

    def __init__(self, header: Header, key: bytes, source: Source, where: str) -> None:
        self._header, self._cipher, self._source, self._where = header, AESGCM(key), source, where
        size = header.chunk + TAG
        self._held, self._ahead = memoryview(bytearray(size)), memoryview(bytearray(size))
        self._out, self._rest = memoryview(bytearray(header.chunk)), memoryview(b"")
        self._index, self._place, self._over, self._broken = 0, 0, False, False
        self._waiting = _filled(source, self._ahead)

    def read(self, size: int = -1) -> bytes:
        """The next bytes, `size` of them where there are so many; all that are left where none is given."""
        found: list[bytes] = []
        while size and self._more():
            part = self._rest if size < 0 else self._rest[:size]
            found.append(bytes(part))
            self._rest = self._rest[len(part):]
            self._place += len(part)
            size -= len(part) if size > 0 else 0
        return found[0] if len(found) == 1 else b"".join(found)

    def tell(self) -> int:
        """Bytes that were given."""
        return self._place

    def seek(self, place: int) -> int:
        """Go on from there; never back."""
        if place < self._place:
            raise ValueError("a sealed file is read from its beginning on")
        while self._place < place and self._more():
            step = min(place - self._place, len(self._rest))
            self._rest = self._rest[step:]
            self._place += step
        return self._place

    def ended(self) -> None:
        """Read on to the end: only there it is sure that nothing was cut off."""
        while self._more():
            self._rest = memoryview(b"")

    def _more(self) -> bool:
        """Whether there is something to give; an empty last chunk is not. Unreadable at the first chunk that is not
        what was written there, and ever after."""
        while not self._rest and not self._over:
            if self._broken:
                raise Unreadable("The sealed model is damaged.", where=self._where, next=_BACKUP)
            self._held, self._ahead = self._ahead, self._held
            size, self._waiting = self._waiting, _filled(self._source, self._ahead)
            self._broken = True  # until the chunk was verified
            if size >= TAG:
                out, last = self._out[:size - TAG], not self._waiting
                with suppress(InvalidTag):
                    self._cipher.decrypt_into(_nonce(self._header, self._index), self._held[:size],
                                              _beside(self._header, self._index, last), out)
                    self._broken, self._over, self._rest, self._index = False, last, out, self._index + 1
            if self._broken:
                raise Unreadable(f"The sealed model is damaged at chunk {self._index}: changed, cut, or of another "
                                 "file.", where=self._where, next=_BACKUP)
        return bool(self._rest)


def _filled(source: Source, buffer: memoryview) -> int:
    """How many bytes there were for a buffer; fewer than it holds only at the end."""
    held, total = source.readinto(buffer), 0
    while held:
        total += held
        held = source.readinto(buffer[total:]) if total < len(buffer) else 0
    return total


def _nonce(header: Header, index: int) -> bytes:
    return header.prefix + struct.pack(">Q", index)


def _beside(header: Header, index: int, last: bool) -> bytes:
    """What is authenticated with a chunk, but not encrypted."""
    return header.fixed + struct.pack(">QB", index, last)


def settle(path: os.PathLike[str] | str) -> None:
    """Have the disk know a file, or the names in a folder, before anything relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
