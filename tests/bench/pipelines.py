"""CPU seconds of a chain of 100 steps, first and unchanged, beside the same chain in Kedro; of starting any command.

Kedro's interpreter lies in the virtual environment that PEERS names. Its nodes hand on lists of 1,000 rows, pickled;
unchanged it is asked for missing outputs only, and looks whether the files exist. Ours are SQL that writes Parquet;
unchanged is by content. Each figure is the median of five whole processes, imports included, bytecode compiled before.
"""

import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

STEPS, ROWS, TIMES = 100, 1000, 5
HOME = str(Path(__file__).parents[2])
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: src
version: 1.0.0
status: active
schema: [{name: src, properties: [{name: id, logicalType: integer, primaryKey: true}]}]
"""
REGISTRY = f"""\
from kedro.pipeline import node, pipeline


def step(number):
    def numbered(rows):
        return [(row[0], number) for row in rows]
    numbered.__name__ = f"s{{number}}"
    return numbered


def register_pipelines():
    nodes = [node(step(n), f"s{{n - 1}}" if n else "src", f"s{{n}}") for n in range({STEPS})]
    return {{"__default__": pipeline(nodes)}}
"""


def measured(argv: list[str], folder: Path) -> tuple[float, str]:
    """CPU seconds of a process and all it started, and what it said; it has to end well."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1", "PYTHONPATH": HOME}
    env |= {"PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode")} if argv[0] == sys.executable else {}
    before = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    after = getrusage(RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


def middle(found: list[float]) -> float:
    return round(statistics.median(found), 3)


# -- ours -------------------------------------------------------------------------------------------------------


def tool(*argv: str) -> list[str]:
    return [sys.executable, "-m", "mlops_tui", *argv, "--json"]


def declared(root: Path) -> Path:
    for name in ("datasets", "pipelines"):
        (root / name).mkdir(parents=True)
    (root / "mlops.yaml").write_text("project: bench\n")
    (root / "datasets/src.yaml").write_text(CONTRACT)
    (root / "src.csv").write_text("id\n" + "\n".join(map(str, range(ROWS))) + "\n")
    steps = []
    for number in range(STEPS):
        before = f"s{number - 1}" if number else "src"
        (root / f"pipelines/s{number}.sql").write_text(f"SELECT id, {number} AS n FROM {before}\n")
        steps.append(f"  - {{name: s{number}, sql: s{number}.sql, inputs: [{before}], key: [id]}}")
    (root / "pipelines/chain.yaml").write_text("\n".join(["steps:", *steps]) + "\n")
    return root


def ours(root: Path) -> dict[str, float]:
    start, first, same = [], [], []
    for _ in range(TIMES + 1):  # the first compiles
        shutil.rmtree(root / ".mlops", ignore_errors=True)
        measured(tool("ingest", "src", "--file", "src.csv"), root)
        start.append(measured(tool("alert", "list"), root)[0])
        taken, said = measured(tool("pipeline", "run", "chain"), root)
        assert json.loads(said[:said.rindex("}") + 1])["facts"]["steps_run"] == STEPS
        first.append(taken)
        taken, said = measured(tool("pipeline", "run", "chain"), root)
        facts = json.loads(said[:said.rindex("}") + 1])["facts"]
        assert (facts["steps_run"], facts["steps_same"]) == (0, STEPS), "nothing is run that is as before"
        same.append(taken)
    return {"first": middle(first[1:]), "unchanged": middle(same[1:]), "start": middle(start[1:])}


# -- Kedro ------------------------------------------------------------------------------------------------------


def kedro(root: Path, python: Path) -> dict[str, float]:
    package = root / "src/bench"
    for folder in (package, root / "conf/base", root / "conf/local", root / "data"):
        folder.mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "bench"\nproject_name = "bench"\n'
                                         'kedro_init_version = "1.7.0"\n')
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text("")
    (package / "pipeline_registry.py").write_text(REGISTRY)
    names = ["src", *(f"s{number}" for number in range(STEPS))]
    (root / "conf/base/catalog.yml").write_text("".join(
        f"{name}: {{type: pickle.PickleDataset, filepath: data/{name}.pkl}}\n" for name in names))
    argv = [str(python), "-m", "kedro", "run", "--only-missing-outputs"]
    first, same = [], []
    for _ in range(TIMES + 1):
        shutil.rmtree(root / "data")
        (root / "data").mkdir()
        (root / "data/src.pkl").write_bytes(pickle.dumps([(each,) for each in range(ROWS)]))
        first.append(measured(argv, root)[0])
        assert len(list((root / "data").glob("*.pkl"))) == STEPS + 1
        same.append(measured(argv, root)[0])
    return {"first": middle(first[1:]), "unchanged": middle(same[1:])}


def main() -> None:
    python = Path(os.environ.get("PEERS", "")) / "bin/python"
    with tempfile.TemporaryDirectory() as name:
        found: dict[str, object] = {"ours": (mine := ours(declared(Path(name) / "ours")))}
        if python.is_file() and "PEERS" in os.environ:
            theirs = kedro(Path(name) / "kedro", python)
            found |= {"kedro": theirs, "ratio": {each: round(mine[each] / theirs[each], 2) for each in theirs}}
        else:
            found |= {"kedro": "peer not installed"}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
