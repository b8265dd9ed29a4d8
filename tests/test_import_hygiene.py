"""Nothing heavy is imported before it is used; each question is asked in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.facts import Note

HEAVY = {"duckdb", "sqlmodel", "sqlalchemy", "textual", "scipy", "sklearn", "mlflow", "numpy", "pandas", "pyarrow",
         "matplotlib", "slack_bolt", "slack_sdk", "apscheduler", "aiohttp"}

SCRIPT = """
import json, sys
sys.argv = ["mlops-tui", *sys.argv[1:]]
try:
    from mlops_tui.cli import main
    main()
finally:
    sys.stdout.flush()
    sys.stderr.write("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported_by(*argv: str, env: dict[str, str] | None = None, answers: Sequence[int] = (0,)) -> tuple[set[str], str]:
    """The top-level modules in memory after the command line has run, with what it printed."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *argv], capture_output=True, text=True, check=False, env=env)
    assert done.returncode in answers, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


@pytest.mark.parametrize("argv", [("--help",), ("--version",)])
def test_the_first_answers_cost_nothing_heavy(argv: tuple[str, ...]) -> None:
    modules, printed = imported_by(*argv)
    assert printed.strip()
    assert "mlops_tui" in modules
    assert modules & HEAVY == set()
    assert modules & {"email", "yaml"} == set(), "neither every installed package nor any declaration is read for it"


def test_completing_a_noun_imports_no_capability() -> None:
    words = {"_MLOPS_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "mlops-tui au", "COMP_CWORD": "1"}
    modules, printed = imported_by(env={**os.environ, **words})
    assert "audit" in printed
    assert modules & HEAVY == set()


def test_what_judges_models_loads_neither_scikit_learn_nor_what_draws() -> None:
    nouns = ("modeling.evaluate", "modeling.compare", "modeling.metric", "modeling.calibration", "modeling.split",
             "modeling.tune", "modeling.stopping", "modeling.footprint", "governance.bias", "framing.agreement")
    script = (f"import importlib, json, sys\n[importlib.import_module(f'mlops_tui.{{name}}') for name in {nouns}]\n"
              "print(json.dumps(sorted(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert "mlops_tui.modeling.evaluate" in modules
    assert modules & {"sklearn", "pandas", "joblib", "matplotlib", "scipy.stats"} == set()


def test_analysis_needs_no_database_and_no_screen() -> None:
    script = ("import importlib, json, pkgutil, sys, mlops_tui.analysis as package\n"
              "names = [each.name for each in pkgutil.iter_modules(package.__path__)]\n"
              "[importlib.import_module(f'mlops_tui.analysis.{name}') for name in names]\n"
              "print(json.dumps([names, sorted({name.partition('.')[0] for name in sys.modules})]))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names, modules = json.loads(done.stdout)
    assert names
    assert set(modules) & {"duckdb", "sqlmodel", "sqlalchemy", "textual", "click", "mlflow", "store", "bots"} == set()


def test_a_project_is_opened_and_read_without_sqlalchemy(session: Callable[..., Session]) -> None:
    """The history is read and written by the driver itself: half of what most commands cost before they begin."""
    opened = session()
    opened.ledger.append(Note(subject="s", text="laid"))
    root = str(opened.declared().root)
    for argv in (("alert", "list"), ("pipeline",), ("audit", "log")):
        modules, printed = imported_by(*argv, "--project", root)
        assert printed.strip()
        assert modules & {"sqlalchemy", "sqlmodel", "pydantic", "mlflow", "textual", "scipy", "sklearn", "apscheduler",
                          "pandas"} == set(), argv


STATISTICS = {"numpy", "pyarrow", "pandas", "scipy", "sklearn", "sqlalchemy", "sqlmodel", "sqlglot", "apscheduler"}
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: readings
version: 1.0.0
status: active
servers: [{server: lake, type: local, format: parquet, path: readings}]
schema: [{name: readings, properties: [{name: x, logicalType: integer}]}]
"""


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    """A project with data that lie where they are, and that were taken once."""
    root = tmp_path / "plain"
    for name in ("datasets", "readings"):
        (root / name).mkdir(parents=True)
    (root / "mlops.yaml").write_text("project: plain\n")
    (root / "datasets/readings.yaml").write_text(CONTRACT)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1::BIGINT AS x) TO '{root}/readings/a.parquet'")
    assert perform(open_project(root), ["snapshot", "take", "readings"]).exit == 0
    return root


@pytest.mark.parametrize("argv", [
    "snapshot take readings", "snapshot log", "pipeline status", "catalog list", "quarantine list", "feature list",
    "ingest readings --file readings/a.parquet", "validate readings readings/a.parquet", "alert list", "status"])
def test_an_everyday_command_loads_nothing_for_its_neighbours(readings: Path, argv: str) -> None:
    """Many nouns have a verb that needs numpy, pyarrow or a parser of SQL; the others begin without."""
    words = [str(readings / word) if word.endswith(".parquet") else word for word in argv.split()]
    modules, printed = imported_by(*words, "--project", str(readings), answers=(0, 1))
    assert printed.strip()
    assert modules & STATISTICS == set()


@pytest.mark.parametrize("argv", ["status", "alert list", "incident list", "audit log", "snapshot log", "catalog list"])
def test_what_the_history_and_the_manifests_answer_needs_no_engine(readings: Path, argv: str) -> None:
    modules, printed = imported_by(*argv.split(), "--project", str(readings), answers=(0, 1))
    assert printed.strip()
    assert "duckdb" not in modules


def test_what_a_verb_needs_is_loaded_with_it(readings: Path) -> None:
    modules, _ = imported_by("snapshot", "diff", "readings", "readings", "--project", str(readings))
    assert {"numpy", "duckdb"} <= modules, "it compares distributions; the questions above would have found it"


def test_history_and_files_open_without_the_product_or_its_models() -> None:
    script = ("import sys, store.ledger, store.lake, store.facts\n"
              "print(*sorted({name.partition('.')[0] for name in sys.modules}))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "store" in modules
    assert modules & {"mlops_tui", "bots", "click", "textual", "mlflow", "sklearn", "slack_bolt"} == set()
