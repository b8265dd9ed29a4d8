"""What the documents say can be done, can be done: their command lines parse, their console blocks run."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bots.cli import slack as surface
from mlops_tui.cli import options
from mlops_tui.commands import parse, perform
from mlops_tui.declarations import declare
from mlops_tui.declarations.kinds import Model, Monitor
from mlops_tui.opening import open_project
from mlops_tui.project import read_document
from mlops_tui.response import _steps as runbooks
from mlops_tui.session import without_project
from mlops_tui.tui.links import read
from mlops_tui.view import Status

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "THREATS.md", "bots/README.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`mlops-tui ([^`]+)`")

# Surfaces, which the terminal knows before it asks the command tree.
OTHER_WORDS = {"--help", "--version"}

TABLES = """
COPY (SELECT i AS id, i % 7 AS hour, (i * 37 % 1000) / 1000.0 AS distance, ['EWR', 'JFK', 'LGA'][i % 3 + 1] AS origin
      FROM range(2000) t(i)) TO 'a.parquet';
COPY (SELECT i AS id, i % 7 AS hour, (i * 37 % 1000) / 900.0 AS distance, ['EWR', 'JFK', 'LGA'][i % 3 + 1] AS origin
      FROM range(2000) t(i)) TO 'b.parquet';
COPY (SELECT (i * 7919 % 1000) / 1000.0 AS p, (i * 104729 % 1000) / 1000.0 AS q,
             CAST((i * 7919 % 1000) / 1000.0 > (i * 31 % 100) / 100.0 AS INTEGER) AS late
      FROM range(2000) t(i)) TO 'scored.parquet';
"""
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
schema:
  - name: flights
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: distance, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 1}}
"""


def documents() -> dict[str, str]:
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS if (ROOT / name).exists()}


def console_lines() -> list[str]:
    """What stands after the prompt in the console blocks, in order."""
    return [line.removeprefix("$ ") for text in documents().values() for language, body in BLOCK.findall(text)
            if language == "console" for line in body.splitlines() if line.startswith("$ ")]


def named_commands() -> list[str]:
    """Every command line of ours that a document names, in a block or in a sentence."""
    blocks = [line.removeprefix("$ ").partition("  #")[0].strip().removeprefix("mlops-tui ")
              for text in documents().values() for _, body in BLOCK.findall(text) for line in body.splitlines()
              if line.removeprefix("$ ").startswith("mlops-tui ")]
    inline = [each for text in documents().values() for each in INLINE.findall(BLOCK.sub("", text))]
    return sorted({line for line in blocks + inline if line.split()[0] not in OTHER_WORDS})


def test_the_documents_name_commands() -> None:
    assert len(named_commands()) > 10
    assert len(console_lines()) > 5


@pytest.mark.parametrize("line", named_commands())
def test_a_command_that_a_document_names_exists(line: str, tmp_path: Path) -> None:
    words = shlex.split(line.partition(" > ")[0])
    if words[0] == surface.name:
        assert words[1] in surface.commands
    elif words[0] == "open":
        assert read(words[1:]).words
    elif words[0] == "watch":
        assert not words[1:] or parse(without_project(tmp_path, perform), words[1:]).command
    else:
        assert parse(without_project(tmp_path, perform), options(words).argv).command


def test_the_console_blocks_run_as_they_stand(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute(TABLES.replace("TO '", f"TO '{tmp_path}/"))
    connection.close()
    (tmp_path / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    program = f"{shlex.quote(sys.executable)} -m mlops_tui"
    script = "\n".join(f'{re.sub(r"^mlops-tui", program, line)} </dev/null; echo "exit $?"' for line in console_lines())
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    exits = [int(code) for code in re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE)]
    assert len(exits) == len(console_lines()), done.stderr
    wrong = [line for line, code in zip(console_lines(), exits, strict=True) if code not in (0, 1)]
    assert wrong == [], f"{done.stdout}\n{done.stderr}"


def test_the_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for text in documents().values() for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert named
    assert named <= targets


def test_links_lead_to_files_that_are_there() -> None:
    broken = [f"{name}: {link}" for name, text in documents().items()
              for link in re.findall(r"\]\(([^)#:\s]+)\)", text) if not (ROOT / name).parent.joinpath(link).exists()]
    assert broken == []


def test_no_document_knows_the_machine_it_was_written_on() -> None:
    for name, text in documents().items():
        assert not re.search(r"/(home|root|work|opt|Users)/", text), name


def block_of(document: str, language: str) -> str:
    return next(str(body) for tag, body in BLOCK.findall(documents()[document]) if tag == language)


def test_the_worked_example_is_a_capability(tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    exec(compile(block_of("CONTRIBUTING.md", "python"), "age.py", "exec"), space)
    (tmp_path / "mlops.yaml").write_text("project: flights\n", encoding="utf-8")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "flights.yaml").write_text(CONTRACT, encoding="utf-8")
    session = open_project(tmp_path)
    call = space["age"].main(["flights", "--limit", "12"], prog_name="age", obj=session, standalone_mode=False)
    assert call.run().status is Status.UNKNOWN
    assert [entry.kind for entry in session.ledger.entries()] == ["finding"]


def test_the_worked_example_of_a_monitor_is_one() -> None:
    monitor = declare.parse(Monitor, block_of("CONTRIBUTING.md", "yaml"), "CONTRIBUTING.md")
    assert (monitor.check, monitor.subject) == ("drift", "flights-delay")


def test_the_worked_example_of_a_model_is_one() -> None:
    [text] = [body for language, body in BLOCK.findall(documents()["README.md"]) if body.startswith("# models/")]
    model = declare.parse(Model, text, "README.md")
    assert list(model.candidates) == ["logistic", "boosted"]
    assert all((model.candidates["logistic"].calibrate, model.candidates["boosted"].search, model.costs, model.slices))


def test_the_worked_example_of_a_runbook_is_one(tmp_path: Path) -> None:
    _, _, after = documents()["CONTRIBUTING.md"].partition("## A runbook")
    indented = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("    ")]
    (tmp_path / "missing.md").write_text(textwrap.dedent("\n".join(indented)) + "\n", encoding="utf-8")
    runbook = runbooks.read(read_document(tmp_path / "missing.md"))
    assert [step.kind for step in runbook.steps] == ["query", "manual", "notify"]
    assert (runbook.when, runbook.needs) == (("health",), ("incident", "dataset"))
