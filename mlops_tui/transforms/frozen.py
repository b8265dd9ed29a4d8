"""Fitted parameters as one document: canonical bytes whose SHA-256 names them, and how SQL reads them back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_tui.errors import BadInput, Unreadable
from store.quoting import literal
from store.written import whole

Document = Mapping[str, Any]


def canonical(document: Document) -> bytes:
    """The document's one spelling: sorted keys, no spaces, ASCII, shortest floats; ValueError for NaN and infinity."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest_of(document: Document) -> str:
    """SHA-256 over the canonical bytes: what `sha256sum` says of the file that holds them."""
    return hashlib.sha256(canonical(document)).hexdigest()


def write(document: Document, path: Path) -> str:
    """Write the canonical bytes, whole or not at all, and give their digest."""
    with whole(path) as staged:
        staged.write_bytes(canonical(document))
    return digest_of(document)


def read(content: bytes, kind: str, where: str) -> dict[str, Any]:
    """A frozen document of that kind; Unreadable where it is none, BadInput where it is another kind's."""
    try:
        found = json.loads(content)
    except ValueError as problem:
        raise Unreadable("The map is not JSON.", where=where, next=f"Make one: mlops-tui {kind} … --save FILE") \
            from problem
    if not isinstance(found, dict) or not isinstance(found.get("columns"), list) or "kind" not in found:
        raise Unreadable("The file holds no frozen map.", where=where, next=f"Make one: mlops-tui {kind} … --save FILE")
    if found["kind"] != kind:
        raise BadInput(f"The map was made by '{found['kind']}', not by '{kind}'.", where=where,
                       next=f"Try: mlops-tui {found['kind']} --map FILE")
    return found


def table(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> str:
    """SQL of a table with these columns and types, all of one length: what follows FROM."""
    spelled = literal(json.dumps(dict(columns), ensure_ascii=True, allow_nan=False))
    shape = literal(json.dumps({name: [types[name]] for name in columns}))
    listed = ", ".join(f'unnest(j."{name}") AS "{name}"' for name in columns)
    return f"(SELECT {listed} FROM (SELECT from_json({spelled}, {shape}) AS j))"
