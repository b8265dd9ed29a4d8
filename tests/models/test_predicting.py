"""What a version says of rows whose features are built, in their order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui.errors import NotFound
from mlops_tui.models.predicting import predicted, version_of
from mlops_tui.session import Session
from store.facts import Promotion, Trained
from store.tracking import Input, Record

NAME = "flights-delay"


def trained(version: str, run: str = "r", artifact: str = "a") -> Trained:
    return Trained(subject=NAME, version=version, candidate="logistic", key="k", run_id=run, artifact=artifact,
                   training="", declaration="", seed=1, window=("2013-01-01", "2013-06-01"), metrics={})


def test_a_version_is_found_by_number_or_by_what_it_is(session: Callable[..., Session]) -> None:
    opened = session()
    with pytest.raises(NotFound, match=r"has no champion.*versions: none.*mlops-tui train flights-delay"):
        version_of(opened, NAME)
    opened.ledger.append(trained("1"), trained("2"))
    with pytest.raises(NotFound, match=r"has no champion.*versions: 1, 2.*promote flights-delay@challenger"):
        version_of(opened, NAME)
    opened.ledger.append(Promotion(subject=NAME, version="1", previous="", approval="", evidence=""))
    found = [version_of(opened, NAME, wanted).version for wanted in ("", "champion", "challenger", "2")]
    assert found == ["1", "1", "2", "2"]
    with pytest.raises(NotFound, match=r"has no 9\.|has no 9"):
        version_of(opened, NAME, "9")


@pytest.mark.parametrize("entity", [[], ["id", "sched_dep"]])
def test_scores_are_the_fitted_models_in_order_of_time_and_key(project: Path, session: Callable[..., Session],
                                                               empty_store: Path, entity: list[str]) -> None:
    if entity:
        path = project / "models" / f"{NAME}.yaml"
        path.write_text(path.read_text(encoding="utf-8") + f"entity: [{', '.join(entity)}]\n", encoding="utf-8")
    (project / ".mlops").mkdir()
    (project / ".mlops" / "mlflow.db").write_bytes(empty_store.read_bytes())
    opened, random = session(), np.random.default_rng(3)
    start = datetime(2013, 9, 1, 6, tzinfo=UTC)
    frame = pd.DataFrame({"id": random.permutation(60), "wind": random.normal(size=60), "wet": random.random(60) < 0.5,
                          "sched_dep": [start + timedelta(hours=int(hour)) for hour in random.integers(0, 9, 60)]})
    frame["sched_dep"] = frame["sched_dep"].astype("datetime64[us, UTC]")
    inputs = frame[["wind", "wet"]].astype("float64")
    fitted = LogisticRegression().fit(inputs, random.random(60) < 0.4)
    made = opened.tracking().log_version(NAME, fitted, Record(inputs=(Input("wind", "double", True),
                                                                     Input("wet", "boolean", True))))
    lake = opened.data()
    connection = lake.connect()
    connection.register("made", frame)
    rows = lake.write(f"{NAME}.features", "SELECT id, sched_dep, wind, wet, '2013-09-01' AS day FROM made",
                      sort=("sched_dep", "id"), partition_by=("day",), connection=connection)
    opened.commit(rows)
    table = predicted(opened, trained(str(made.version), made.run_id, made.digest), rows)
    order = frame.sort_values(["sched_dep", "id"]).index
    assert table.column_names == ["id", "sched_dep", "day", "version", "score"]
    assert table.column("id").to_pylist() == frame["id"][order].tolist()
    assert table.column("score").to_numpy() == pytest.approx(fitted.predict_proba(inputs.loc[order])[:, 1])
    assert set(table.column("version").to_pylist()) == {str(made.version)}
