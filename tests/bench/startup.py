"""CPU seconds of `mlops-tui --help` and its like, beside those of `python -c "import click"`."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 15
GOAL = 2.5
PEER = [sys.executable, "-c", "import click"]
OURS = {
    "help": [sys.executable, "-m", "mlops_tui", "--help"],
    "version": [sys.executable, "-m", "mlops_tui", "--version"],
    "completion": [sys.executable, "-m", "mlops_tui"],
}
COMPLETION = {"_MLOPS_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "mlops-tui dr", "COMP_CWORD": "1"}


def cpu_seconds(argv: list[str], env: dict[str, str]) -> float:
    """User and system time of one child, start to end, its imports included."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, like click beside it
    taken: dict[str, list[float]] = {name: [] for name in ("import click", *OURS)}
    for _ in range(RUNS):  # taken in turn, so that a busy machine is unfair to all alike
        taken["import click"].append(cpu_seconds(PEER, env))
        for name, argv in OURS.items():
            taken[name].append(cpu_seconds(argv, env | COMPLETION if name == "completion" else env))
    median = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {name: round(median[name] / median["import click"], 2) for name in OURS}
    figures = {"what": "startup", "unit": "CPU seconds, median", "runs": RUNS, "python": sys.version.split()[0],
               "cpu_seconds": {name: round(value, 3) for name, value in median.items()},
               "ratio": ratios, "goal_ratio": GOAL, "met": all(ratio <= GOAL for ratio in ratios.values())}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
