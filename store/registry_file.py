"""An MLflow store in one SQLite file, read by its tables: MLflow itself would lay missing tables, and write."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from store.refusal import NotFound, Unreadable
from store.registry import LARGEST, Document, Version

MODELS = """
-- one row: a registered model
SELECT name, creation_time AS creation_timestamp FROM registered_models"""
VERSIONS = """
-- one row: a registered version
SELECT name, version, creation_time AS creation_timestamp, current_stage, status, run_id, source, user_id
FROM model_versions WHERE current_stage IS NULL OR current_stage <> 'Deleted_Internal'"""
DATA = """
-- one row: a dataset that a run was given, with what for
SELECT d.name, d.digest, t.value AS context
FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = 'mlflow.data.context'
WHERE i.destination_id = ? AND i.source_type = 'DATASET'"""


class File:
    """The models of one SQLite file, opened read-only; it is never made where it is missing."""

    def __init__(self, path: Path) -> None:
        self.path, self.shown = path, str(path)
        if not path.is_file():
            raise NotFound("There is no such MLflow store.", where=self.shown, next="Check --mlflow.")
        self._tables = {str(each["name"]) for each in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "registered_models" not in self._tables:
            raise Unreadable("That file is no MLflow store: it has no table of registered models.", where=self.shown,
                             next="Check --mlflow.")

    def models(self) -> Iterator[Document]:
        for row in self._rows(MODELS):
            aliases = self._of("registered_model_aliases", "SELECT alias, version FROM registered_model_aliases "
                               "WHERE name = ?", row["name"])
            yield {**row, "aliases": aliases, "tags": self._of(
                "registered_model_tags", "SELECT key, value FROM registered_model_tags WHERE name = ?", row["name"])}

    def versions(self) -> Iterator[Document]:
        for row in self._rows(VERSIONS):
            yield {**row, "tags": self._of(
                "model_version_tags", "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?",
                row["name"], row["version"])}

    def run(self, run_id: str) -> Document | None:
        info = self._of("runs", "SELECT user_id, start_time, end_time, lifecycle_stage FROM runs WHERE run_uuid = ?",
                        run_id)
        if not info:
            return None
        metrics = self._of("latest_metrics", "SELECT key, value, timestamp FROM latest_metrics "
                           "WHERE run_uuid = ? AND is_nan = 0", run_id)
        tags = self._of("tags", "SELECT key, value FROM tags WHERE run_uuid = ?", run_id)
        inputs = [{"dataset": each, "tags": [{"key": "mlflow.data.context", "value": each["context"] or ""}]}
                  for each in self._of("input_tags", DATA, run_id)]
        return {"run": {"info": info[0], "data": {"metrics": metrics, "tags": tags},
                        "inputs": {"dataset_inputs": inputs}}}

    def mlmodel(self, version: Version) -> bytes | str:
        """The file beside the model, where that lies on this machine."""
        place = self.folder(version)
        if isinstance(place, str):
            return place
        path = place / "MLmodel"
        try:
            if path.is_file():  # a pipe would be waited for
                with path.open("rb") as stream:
                    return stream.read(LARGEST + 1)
        except (OSError, ValueError):  # ValueError: a name that no file can have
            pass
        return f"there is no file {path}"

    def folder(self, version: Version) -> Path | str:
        """Where a version's files lie; in words where that is another machine, or a server's to say."""
        source = version.source
        if source.startswith("models:/m-"):
            found = self._of("logged_models", "SELECT artifact_location FROM logged_models WHERE model_id = ?",
                             source.removeprefix("models:/"))
            source = str(found[0]["artifact_location"]) if found else ""
        elif source.startswith("runs:/"):
            run, _, rest = source.removeprefix("runs:/").partition("/")
            found = self._of("runs", "SELECT artifact_uri FROM runs WHERE run_uuid = ?", run)
            source = f"{found[0]['artifact_uri']}/{rest}" if found else ""
        place = urlparse(source)
        if place.scheme == "mlflow-artifacts":
            return "its files lie behind an MLflow server: name that with --mlflow"
        if place.scheme not in ("", "file") or place.netloc not in ("", "localhost") or not place.path:
            return f"its files lie at {source[:60] or 'no known place'}, not on this machine"
        return Path(unquote(place.path) if place.scheme else source)

    def _of(self, table: str, query: str, *values: Any) -> list[Document]:
        """The rows of a table that older stores have not."""
        return self._rows(query, *values) if table in self._tables else []

    def _rows(self, query: str, *values: Any) -> list[Document]:
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.path.absolute()))}?mode=ro", uri=True)) as connection:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(query, values)]
        except sqlite3.Error as problem:
            raise Unreadable(f"That file cannot be read as an MLflow store: {problem}.", where=self.shown,
                             next="Check --mlflow.") from problem
