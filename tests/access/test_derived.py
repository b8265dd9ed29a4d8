"""What is made of what somebody may not see is kept from him too, whatever it is called there."""

from pathlib import Path

import pytest

from mlops_tui.access.derived import rules
from mlops_tui.access.minimal import used
from mlops_tui.access.seeing import Bounds
from mlops_tui.declarations import featurelist
from mlops_tui.project import Project
from tests.conftest import START

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: NAME
version: 1.0.0
status: active
schema:
  - name: NAME
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: at, logicalType: timestamp}
      - {name: income, logicalType: number}
      - {name: plain, logicalType: number}
      - {name: spare, logicalType: number}
      - {name: paid, logicalType: boolean}
customProperties: [{property: eventTime, value: at}]
"""
FILES = {
    "mlops.yaml": "project: p\ntimezone: UTC\n",
    "datasets/loans.yaml": CONTRACT.replace("NAME", "loans"), "datasets/calm.yaml": CONTRACT.replace("NAME", "calm"),
    "features/worth.sql": "-- entity: id\n-- time: at\nSELECT id, at, income / 12 AS monthly, plain AS simple "
                          "FROM loans\n",
    "models/m.yaml": "task: binary\nlabel: {dataset: loans, column: paid}\nfeatures: [worth]\ncolumns: [plain]\n"
                     "candidates: {l: {estimator: sklearn.linear_model.LogisticRegression}}\nsplit: {time: at}\n",
    "pipelines/daily.yaml": "steps:\n  - {name: clean, sql: clean.sql, inputs: [loans]}\n"
                            "  - {name: less, sql: less.sql, inputs: [clean]}\n"
                            "  - {name: other, sql: calm.sql, inputs: [calm]}\n",
    "pipelines/clean.sql": "SELECT id, income AS x FROM loans", "pipelines/less.sql": "SELECT x FROM clean",
    "pipelines/calm.sql": "SELECT count(*) AS n FROM calm"}


@pytest.fixture
def declared(tmp_path: Path) -> Project:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Project(tmp_path)


def kept(project: Project, name: str, bounds: Bounds) -> set[str]:
    """The columns that are kept back; `*` for all of it."""
    found = rules(project, name, bounds, lambda model: featurelist.made_of(project, model))
    assert all(rule.firm and rule.effect == "deny" and rule.pattern.name == name for rule in found)
    return {rule.pattern.column or "*" for rule in found}


INCOME = Bounds(cells=frozenset({("loans", "income")}))


@pytest.mark.parametrize(("name", "columns"), [
    ("m.features", {"monthly"}), ("m.training", {"monthly"}), ("daily.clean", {"*"}), ("daily.less", {"*"}),
    ("daily.other", set()), ("worth.view", {"*"}), ("loans.quarantine", set())])
def test_a_column_is_followed_by_whatever_name_it_goes(declared: Project, name: str, columns: set[str]) -> None:
    assert kept(declared, name, INCOME) == columns
    assert kept(declared, name, Bounds()) == set()


def test_with_the_outcome_or_a_part_of_it_all_of_a_models_data_are_kept_back(declared: Project) -> None:
    for bounds in (Bounds(cells=frozenset({("loans", "paid")})), Bounds(datasets=frozenset({"loans"})),
                   Bounds(parts=frozenset({"loans"}))):
        assert "*" in kept(declared, "m.predictions", bounds)
    assert kept(declared, "m.predictions", Bounds(datasets=frozenset({"calm"}))) == set()


def test_what_uses_a_column_is_found_in_models_features_steps_and_contracts(declared: Project) -> None:
    found = used(declared, [], START, lambda model: featurelist.made_of(declared, model))
    of = {column: sorted(found.get(("loans", column), ())) for column in ("income", "plain", "spare", "id")}
    never = "model m, not trained since"
    assert of["spare"] == []
    assert of["income"] == ["feature worth", never, "step daily.clean"]
    assert of["plain"] == ["feature worth", never]
    assert of["id"] == ["feature worth", "its own contract", "step daily.clean"]
    assert ("calm", "spare") not in found, "count(*) takes no column"
