"""Fitted estimators as files, without pickle: skops writes them, and only trusted types are read back."""

import zipfile
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from store.refusal import Refusal, Unreadable
from store.trusted import TRUSTED


def dump(estimator: Any, path: Path) -> None:
    """Write a fitted estimator; Refusal where it holds a type that could not be read back safely."""
    skops.io.dump(estimator, path, compression=zipfile.ZIP_DEFLATED)
    foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    if foreign:
        path.unlink()
        raise Refusal(f"The model holds types that cannot be stored safely: {', '.join(foreign)}.",
                      next="Build it from scikit-learn's own estimators and transformers.")


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
