"""Gigabytes per CPU second that the vault encrypts and decrypts, and its memory, beside bare AES-GCM in the same run.

Each way is a process of its own, whose peak memory is told; time is CPU seconds of the work, without the imports.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.archives import PART
from store.envelope import CHUNK, Header, Opening, Sealing
from store.modelfiles import Policy, hashed, listed
from store.vault import Vault

SIZE = 1 << 30
MASTER = bytes(32)
GOAL = 0.5


class Ring:
    def key(self, id: str) -> bytes:
        return MASTER


def raw(folder: Path, size: int) -> float:
    """The limit: chunks of a megabyte encrypted in memory, nothing read or written."""
    cipher, chunk, out = AESGCM(MASTER), os.urandom(CHUNK), bytearray(CHUNK + 16)
    start = time.process_time()
    for index in range(size // CHUNK):
        cipher.encrypt_into(index.to_bytes(12, "big"), chunk, b"beside", out)
    return time.process_time() - start


def copy(folder: Path, size: int) -> float:
    """The other limit: a file read and written, nothing encrypted."""
    buffer = memoryview(bytearray(CHUNK))
    start = time.process_time()
    with (folder / "plain").open("rb") as source, (folder / "copied").open("wb") as target:
        while count := source.readinto(buffer):
            target.write(buffer[:count])
    used = time.process_time() - start
    (folder / "copied").unlink()
    return used


def encrypt(folder: Path, size: int) -> float:
    """A file read, encrypted and written."""
    head, buffer = Header.new("00" * 32, "00" * 8, MASTER), memoryview(bytearray(CHUNK))
    start = time.process_time()
    with (folder / "plain").open("rb") as source, (folder / "sealed").open("wb") as target:
        stream = Sealing(head, head.opened(Ring(), ""), target)
        while count := source.readinto(buffer):
            stream.write(buffer[:count])
        stream.close()
    used = time.process_time() - start
    (folder / "header").write_bytes(head.packed())
    return used


def decrypt(folder: Path, size: int) -> float:
    """The encrypted file read, verified and written plainly."""
    head = Header.read((folder / "header").read_bytes(), "")
    start = time.process_time()
    with (folder / "sealed").open("rb") as source, (folder / "back").open("wb") as target:
        stream = Opening(head, head.opened(Ring(), ""), source, "")
        while part := stream.read(PART):
            target.write(part)
        stream.ended()
    return time.process_time() - start


def seal(folder: Path, size: int) -> float:
    """A whole version sealed where it lies: hashed, packed, encrypted, read back, and the plain file removed."""
    model = folder / "artifacts"
    model.mkdir()
    os.link(folder / "plain", model / "model.skops")
    digest, vault = listed(hashed(model)), Vault.of(folder, Policy(seal=True), {})
    start = time.process_time()
    vault.seal(model, digest)
    return time.process_time() - start


def read(folder: Path, size: int) -> float:
    """A sealed version read whole: decrypted, verified, every file hashed; nothing kept."""
    vault = Vault.of(folder, Policy(), {})
    start = time.process_time()
    vault.digest(folder / "artifacts")
    return time.process_time() - start


WAYS = {each.__name__: each for each in (raw, copy, encrypt, decrypt, seal, read)}


def main() -> None:
    if len(sys.argv) > 2:
        import resource

        used = WAYS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
        spent = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps([used, spent.ru_stime, spent.ru_maxrss / 1024]))
        return
    size = int(sys.argv[1]) << 20 if len(sys.argv) > 1 else SIZE
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with Path(folder, "plain").open("wb") as stream:
            stream.writelines(os.urandom(CHUNK) for _ in range(size // CHUNK))
        for name in WAYS:
            said = subprocess.run([sys.executable, __file__, name, folder, str(size)], check=True, capture_output=True,
                                  env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}).stdout
            used, system, peak = json.loads(said)
            found[name] = {"gb_per_cpu_s": round(size / 1e9 / used, 2), "cpu_s": round(used, 2),
                           "of_it_system": round(system, 2), "peak_mb": round(peak)}
    reached = min(found[name]["gb_per_cpu_s"] for name in ("encrypt", "decrypt")) >= GOAL
    print(json.dumps({"bytes": size, "goal_gb_per_cpu_s": GOAL, "reached": reached, **found}, indent=1))


if __name__ == "__main__":
    main()
