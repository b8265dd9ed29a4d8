"""Where a registry's aliases point, asked without importing MLflow: what is looked at so often must cost nothing."""

import base64
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

PATIENCE = 3.0  # seconds for a server's answer
ASKED = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"


def aliases_of(uri: str, model: str) -> dict[str, str] | None:
    """Every alias of a model with its version, none where it is not registered; None where that cannot be told now."""
    return _of_file(_file(uri), model) if uri.startswith("sqlite:") else _of_server(uri, model)


def mark(uri: str) -> int:
    """A number that changes whenever the registry's file was written; 0 of a server, and of no file."""
    if not uri.startswith("sqlite:"):
        return 0
    path = _file(uri)
    found = [each.stat().st_mtime_ns for each in (path, path.with_name(f"{path.name}-wal")) if each.exists()]
    return max(found, default=0)


def _file(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///"))


def _of_file(path: Path, model: str) -> dict[str, str] | None:
    if not path.exists():  # nothing was ever registered: there is no alias to look after
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as database:
            return {str(name): str(version) for name, version in database.execute(ASKED, (model,))}
    except sqlite3.Error:
        return None


def _of_server(uri: str, model: str) -> dict[str, str] | None:
    if not uri.startswith(("http://", "https://")):
        return None
    place = f"{uri.rstrip('/')}/api/2.0/mlflow/registered-models/get?name={quote(model, safe='')}"
    asked = Request(place, headers=_known(os.environ))  # noqa: S310  (one of the two schemes above)
    try:
        with urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310
            found = json.loads(answer.read(1 << 20)).get("registered_model", {}).get("aliases", [])
            return {str(each["alias"]): str(each["version"]) for each in found}
    except HTTPError as problem:
        with closing(problem):
            return {} if problem.code == 404 else None
    except (URLError, OSError, ValueError, KeyError, AttributeError):
        return None


def _known(outer: Mapping[str, str]) -> dict[str, str]:
    """Who asks, as MLflow's own client says it."""
    if token := outer.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    name, word = outer.get("MLFLOW_TRACKING_USERNAME"), outer.get("MLFLOW_TRACKING_PASSWORD")
    if not name or not word:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{word}'.encode()).decode()}"}
