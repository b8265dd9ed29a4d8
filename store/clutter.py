"""What an MLflow store of our own still keeps of nothing: runs and models without a version, and files of none."""

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from store.refusal import Unreadable

RUNS = """
-- one row: a run without a registered version, nor a model of it that has one
SELECT r.run_uuid AS id, e.name AS name, r.lifecycle_stage AS stage, e.lifecycle_stage AS experiment,
       coalesce(r.deleted_time, r.end_time, r.start_time) AS since
FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
WHERE r.run_uuid NOT IN (SELECT run_id FROM model_versions WHERE run_id IS NOT NULL)"""
MODELS = """
-- one row: a logged model that no registered version is of
SELECT m.model_id AS id, m.name, m.lifecycle_stage AS stage, m.source_run_id AS run, m.creation_timestamp_ms AS since
FROM logged_models m
WHERE NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.source = m.artifact_location
                  OR instr(v.source, m.model_id) > 0 OR instr(coalesce(v.storage_location, ''), m.model_id) > 0)"""
EXPERIMENTS = """
-- one row: an experiment that was deleted, without a run that is not
SELECT experiment_id AS id, name, last_update_time AS since FROM experiments e
WHERE lifecycle_stage = 'deleted' AND experiment_id NOT IN (
    SELECT r.experiment_id FROM runs r JOIN model_versions v ON v.run_id = r.run_uuid)"""
RUN_FOLDER, MODEL_FOLDER = re.compile(r"[0-9a-f]{32}"), re.compile(r"m-[0-9a-f]{32}")


def places(database: Path, artifacts: Path) -> dict[tuple[str, str], Path]:
    """Where the files of every version lie or lay, in the artifact folder of a store of our own, wherever that was
    when they were registered."""
    if not database.is_file():
        return {}
    rows = _rows(database, "SELECT name, version, source FROM model_versions WHERE current_stage <> 'Deleted_Internal'")
    lay = {(row["name"], str(row["version"])): Path(unquote(urlparse(row["source"]).path)) for row in rows
           if row["source"]}
    return {version: artifacts.joinpath(*path.parts[-4:]) for version, path in lay.items()}


@dataclass(frozen=True)
class Clutter:
    """One thing to be rid of: `deleted run`, `unregistered run`, `deleted experiment`, `unregistered model` or
    `orphan files`, with the folders of it and their size. `run` is the run that a model is of."""

    kind: str
    id: str
    name: str
    since: datetime | None
    folders: tuple[Path, ...]
    bytes: int
    run: str = ""


def clutter(database: Path, artifacts: Path) -> list[Clutter]:
    """Everything of that kind in a store of our own; files are counted only where they lie in its artifact folder.

    Where a project was copied, MLflow's records still name the first one's folders: those are never looked at.
    """
    if not database.is_file():
        return []
    versions = _rows(database, "SELECT run_id, source FROM model_versions")
    used = {row["run_id"] for row in versions}
    found = []
    for row in _rows(database, RUNS):
        dead = "deleted" in (row["stage"], row["experiment"])
        folders = _folders(artifacts, row["id"])
        found.append(Clutter("deleted run" if dead else "unregistered run", row["id"], row["name"], _when(row["since"]),
                             folders, size_of(folders)))
    for row in _rows(database, MODELS):
        if row["run"] not in used:
            folders = _folders(artifacts, f"models/{row['id']}")
            found.append(Clutter("deleted model" if row["stage"] == "deleted" else "unregistered model", row["id"],
                                 row["name"], _when(row["since"]), folders, size_of(folders), row["run"] or ""))
    found += [Clutter("deleted experiment", str(row["id"]), row["name"], _when(row["since"]), (), 0)
              for row in _rows(database, EXPERIMENTS)]
    return [*found, *_orphans(database, artifacts)]


def _orphans(database: Path, artifacts: Path) -> Iterator[Clutter]:
    """Folders named like a run's or a model's, of which the store knows nothing, and which no version lies in."""
    known = {row["id"] for row in _rows(database, "SELECT run_uuid AS id FROM runs UNION ALL "
                                        "SELECT model_id FROM logged_models")}
    sources = " ".join(str(row["source"]) for row in _rows(database, "SELECT source FROM model_versions"))
    for folder in sorted([*artifacts.glob("*/*"), *artifacts.glob("*/models/*")]):
        named = (MODEL_FOLDER if folder.parent.name == "models" else RUN_FOLDER).fullmatch(folder.name)
        if named and folder.is_dir() and not folder.is_symlink() and folder.name not in known | {""} \
                and folder.name not in sources:
            since = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            yield Clutter("orphan files", folder.name, folder.relative_to(artifacts).parts[0], since, (folder,),
                          size_of((folder,)))


def _folders(artifacts: Path, name: str) -> tuple[Path, ...]:
    return tuple(each for each in sorted(artifacts.glob(f"*/{name}")) if each.is_dir() and not each.is_symlink())


def size_of(folders: Collection[Path]) -> int:
    return sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def _when(milliseconds: Any) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def _rows(database: Path, query: str) -> list[sqlite3.Row]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query).fetchall()
    except sqlite3.Error as problem:
        raise Unreadable(f"MLflow's store cannot be read: {problem}.", where=str(database),
                         next="Try: mlops-tui doctor") from problem
