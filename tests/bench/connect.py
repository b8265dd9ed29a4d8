"""`connect` against a real MLflow server with 100 models of three versions, and with a million predictions.

    python tests/bench/connect.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parents[2]))
from store.tracking import Input, Record, Tracking
from tests.monitoring.mlflow_server import serving

MODELS, VERSIONS, ROWS = 100, 3, 1_000_000


def filled(url: str, folder: Path) -> None:
    """A hundred registered models, whose versions share one set of files."""
    tracking = Tracking(url, folder / "client")
    x = np.random.default_rng(0).normal(size=(60, 2))
    record = Record((Input("amount", "double"), Input("age", "double")), metrics={"roc_auc": 0.8})
    made = tracking.log_version("model-000", LogisticRegression().fit(x, x[:, 0] > 0), record)
    client = tracking._client
    source = client.get_model_version("model-000", "1").source
    for number in range(MODELS):
        name = f"model-{number:03}"
        if number:
            client.create_registered_model(name)
        for _ in range(VERSIONS - (not number)):
            client.create_model_version(name, source, made.run_id, await_creation_for=None)
        client.set_registered_model_alias(name, "champion", str(VERSIONS))


def cost(*argv: str) -> dict[str, float]:
    """Wall and CPU seconds of a whole process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "mlops_tui", *argv], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stderr
    return {"wall": round(time.perf_counter() - began, 2),
            "cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)}


def main() -> None:
    with tempfile.TemporaryDirectory() as place, serving(Path(place)) as served:
        folder = Path(place)
        filled(served.url, folder)
        duckdb.connect().execute(f"""COPY (SELECT i AS id, TIMESTAMP '2026-01-01' + INTERVAL (i * 3) SECOND AS time,
            random() AS score, CAST(random() < 0.5 AS INTEGER) AS label, random() AS amount, random() AS age
            FROM range({ROWS}) t(i)) TO '{folder}/p.parquet'""")
        print(json.dumps({
            "machine": "CPU seconds of the whole process with imports",
            f"inventory of {MODELS} models": cost("connect", "--mlflow", served.url),
            "the same from its SQLite file": cost("connect", "--mlflow", f"sqlite:///{served.database}"),
            f"one model and {ROWS:,} predictions": cost("connect", "--mlflow", served.url, "--model", "model-000",
                                                        "--predictions", str(folder / "p.parquet"))}, indent=1))


if __name__ == "__main__":
    main()
