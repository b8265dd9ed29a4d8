"""Fitted estimators as files, without pickle: skops writes them, and only trusted types are read back."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from store.refusal import Refusal, Unreadable
from store.trusted import TRUSTED

SCHEMA = "schema.json"
_ID = re.compile(r'(?<="__id__": )\d+|(?<="file": ")\d+(?=\.)')


def dump(estimator: Any, path: Path) -> None:
    """Write a fitted estimator: the same fit gives the same bytes; Refusal where it holds a type that could not be read
    back safely."""
    path.write_bytes(_steady(skops.io.dumps(estimator)))
    foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    if foreign:
        path.unlink()
        raise Refusal(f"The model holds types that cannot be stored safely: {', '.join(foreign)}.",
                      next="Build it from scikit-learn's own estimators and transformers.")


def _steady(content: bytes) -> bytes:
    """A skops file whose objects are numbered as they come, where it has their addresses in memory, and without the
    time at which it was written."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as read, zipfile.ZipFile(made, "w") as steady:
        schema = read.read(SCHEMA).decode()
        numbers = {each: str(number) for number, each in enumerate(dict.fromkeys(_ID.findall(schema)))}
        schema = _ID.sub(lambda found: numbers[found[0]], schema)
        files = {name: numbers.get(stem, stem) + dot + ending for name in read.namelist() if name != SCHEMA
                 for stem, dot, ending in [name.partition(".")]}
        for name, target in sorted(files.items(), key=lambda each: each[1]):
            steady.writestr(zipfile.ZipInfo(target), read.read(name), zipfile.ZIP_DEFLATED)
        steady.writestr(zipfile.ZipInfo(SCHEMA), schema, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def load(path: Path) -> Any:
    """Read a fitted estimator; only scikit-learn's public estimators and TRUSTED come to life."""
    return loads(path.read_bytes(), path)


def loads(content: bytes, path: Path) -> Any:
    """The same of a file's bytes; `path` is only named where they cannot be read."""
    try:
        return skops.io.loads(content, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as problem:
        raise Refusal(f"The model holds types that are not trusted: {problem}", where=str(path)) from problem
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as problem:
        raise Unreadable(f"The model cannot be read: {problem}", where=str(path)) from problem
