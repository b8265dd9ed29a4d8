"""Data that lie in files of their own: which files they are now, and what their paths say of their rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from store.lake import HIVE_NULL, NULL
from store.refusal import NotFound, Unreadable, nearest
from store.written import ENDINGS

FORMS = ("parquet", "csv", "json")


@dataclass(frozen=True)
class Placed:
    """Files below a folder, the partition of each, and the name of the source's own version where it has one."""

    base: Path
    files: Mapping[str, Mapping[str, str]]
    version: str = ""

    @cached_property
    def paths(self) -> list[Path]:
        return [self.base / name for name in self.files]


@dataclass(frozen=True)
class Rows:
    """Rows that cannot be read where they are: `write` puts them into a Parquet file and says their version.

    `since` names a column whose values only grow; `write_since` puts the rows from a value of it on into the file.
    """

    write: Callable[[Path], str]
    since: str = ""
    write_since: Callable[[Path, str, Any], str] | None = None


def files_at(path: Path, form: str) -> Placed:
    """The files of that form at a path: one file, a pattern, or a folder with all that is below it.

    Names that begin with `_` or `.` are left out, as Spark and Hive do: they are being written. NotFound or Unreadable
    where there are none, or where the folder is a table whose log says which files count.
    """
    base, found = _found(path, form)
    names = sorted(str(each.relative_to(base)) for each in found)
    if not names:
        raise NotFound(f"No {form} file at '{path.name}'.", where=str(path), next=nearest_at(path, form))
    files = {name: partition_of(name) for name in names}
    keys = {tuple(partition): name for name, partition in files.items()}
    if len(keys) > 1:
        (one, first), (other, second), *_ = keys.items()
        ways = [f"by {', '.join(each) or 'nothing'} ({name})" for each, name in ((one, first), (other, second))]
        raise Unreadable(f"The files are partitioned {' and '.join(ways)}.", where=str(base),
                         next="Put them into folders of one kind.")
    return Placed(base, files)


def _found(path: Path, form: str) -> tuple[Path, list[Path]]:
    if path.is_dir():
        _no_table(path, form)
        return path, [each for each in path.rglob("*") if _counts(each.relative_to(path), form) and each.is_file()]
    if path.is_file():
        return path.parent, [path]
    if any(sign in str(path) for sign in "*?["):
        place = next(number for number, part in enumerate(path.parts) if any(sign in part for sign in "*?["))
        fixed, pattern = Path(*path.parts[:place]), str(Path(*path.parts[place:]))
        there = [each for each in fixed.glob(pattern) if each.is_file()]
        return fixed, [each for each in there if _counts(each.relative_to(fixed), form)]
    raise NotFound(f"Nothing lies at '{path.name}'.", where=str(path), next=nearest_at(path, form))


def _counts(name: Path, form: str) -> bool:
    ending = name.name.lower().removesuffix(".gz").rpartition(".")[2]
    return ENDINGS.get(ending) == form and not any(part[0] in "_." for part in name.parts)


def _no_table(path: Path, form: str) -> None:
    """A table's folder also holds files that it has given up."""
    for kind, sign in (("delta", "_delta_log"), ("iceberg", "metadata/*.metadata.json")):
        if next(path.glob(sign), None) is not None:
            raise Unreadable(f"'{path.name}' is a table of {kind.capitalize()}, not a folder of {form} files.",
                             where=str(path), next=f"Declare format: {kind}")


def partition_of(name: str) -> dict[str, str]:
    """What the folders of a file's name say: `tenant=acme/day=2013-06-01/a.parquet`.

    >>> partition_of("tenant=a%20b/day=__HIVE_DEFAULT_PARTITION__/x.parquet")
    {'tenant': 'a b', 'day': '__null__'}
    """
    said = (part.partition("=") for part in Path(name).parts[:-1] if "=" in part)
    return {key: NULL if value == HIVE_NULL else unquote(value) for key, _, value in said}


def nearest_at(path: Path, form: str) -> str:
    """What is there instead."""
    parent = path if path.is_dir() else path.parent
    if not parent.is_dir():
        return f"There is no folder '{parent}'."
    known = [each.name for each in parent.iterdir() if each.name[0] not in "_."]
    there = f"There: {', '.join(sorted(known)[:8])}." if known else f"Put {form} files there."
    return nearest(path.name, known) or there
