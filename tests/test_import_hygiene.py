"""Nothing heavy is imported before it is used; each question is asked in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

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


def imported_by(*argv: str, env: dict[str, str] | None = None) -> tuple[set[str], str]:
    """The top-level modules in memory after the command line has run, with what it printed."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *argv], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


@pytest.mark.parametrize("argv", [("--help",), ("--version",)])
def test_the_first_answers_cost_nothing_heavy(argv: tuple[str, ...]) -> None:
    modules, printed = imported_by(*argv)
    assert printed.strip()
    assert "mlops_tui" in modules
    assert modules & HEAVY == set()
    assert "email" not in modules, "the metadata of every installed package is read for words alone"


def test_completing_a_noun_imports_no_capability() -> None:
    words = {"_MLOPS_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "mlops-tui au", "COMP_CWORD": "1"}
    modules, printed = imported_by(env={**os.environ, **words})
    assert "audit" in printed
    assert modules & HEAVY == set()


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


def test_history_and_files_open_without_the_product_or_its_models() -> None:
    script = ("import sys, store.ledger, store.lake, store.facts\n"
              "print(*sorted({name.partition('.')[0] for name in sys.modules}))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "store" in modules
    assert modules & {"mlops_tui", "bots", "click", "textual", "mlflow", "sklearn", "slack_bolt"} == set()
