"""The project's own secret, by which people are hashed: a file that only its owner reads, outside of what is shared."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from store.refusal import Unreadable

SIZE = 32


def secret(folder: Path, name: str) -> bytes:
    """The secret of that name, made when it is first asked for; without its file nobody can tell who was hashed.

    Two processes at once get the same one. Unreadable where the file is cut or others may read it.
    """
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = folder / f".{name}.{os.getpid()}"
        staged.touch(mode=0o600)
        staged.write_bytes(secrets.token_bytes(SIZE))
        with suppress(FileExistsError):  # somebody else was as quick
            os.link(staged, path)
        staged.unlink()
    content = path.read_bytes()
    if len(content) != SIZE or path.stat().st_mode & 0o077:
        raise Unreadable("The project's secret is not whole, or others may read it.", where=str(path),
                         next=f"Restore it from a backup, or say: chmod 600 {path}")
    return content
