"""Files that commands write: never over what they read, never over what somebody has."""

from pathlib import Path

import click
import pytest

from mlops_tui.capability import Capability, LocalPath, Noun, TargetPath
from mlops_tui.commands import Outcome, perform, root
from mlops_tui.session import without_project

ROWS = "id,carrier,late,at\n" + "".join(
    f"{number},{'AB'[number % 2]},{number % 3 == 0:d},2013-06-01T00:{number:02}:00Z\n" for number in range(60))
WRITERS = {
    "scaling": ("scaling", "--file", "rows.csv", "--columns", "id"),
    "encode": ("encode", "--file", "rows.csv", "--columns", "carrier", "--target", "late"),
    "cardinality": ("cardinality", "--file", "rows.csv", "--columns", "carrier", "--min-rows", "1"),
    "interactions": ("interactions", "--file", "rows.csv", "--target", "late", "--columns", "id,carrier"),
    "windows": ("windows", "--file", "rows.csv", "--entity", "carrier", "--time", "at", "--column", "late",
                "--lag", "1"),
    "split": ("split", "rows.csv", "--time", "at", "--folds", "2"),
}
TARGETS = [(name, option) for name in WRITERS for option in ("--out", "--save")
           if option == "--out" or name not in ("windows", "split")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "mine.csv").write_text("mine\n1\n")
    (tmp_path / "again.csv").symlink_to("rows.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(folder: Path, *words: str) -> Outcome:
    return perform(without_project(folder, perform), words)


@pytest.mark.parametrize(("name", "option"), TARGETS)
@pytest.mark.parametrize("target", ["rows.csv", "again.csv"])
def test_the_file_that_is_read_is_never_written(folder: Path, name: str, option: str, target: str) -> None:
    for more in ((), ("--overwrite",)):
        outcome = ran(folder, *WRITERS[name], option, target, *more)
        assert outcome.exit == 2
        assert "is the file that is read" in outcome.view.title
    assert (folder / "rows.csv").read_text() == ROWS


@pytest.mark.parametrize(("name", "option"), [each for each in TARGETS if each[0] != "interactions"])
def test_a_file_that_holds_something_is_replaced_on_request_alone(folder: Path, name: str, option: str) -> None:
    outcome = ran(folder, *WRITERS[name], option, "mine.csv")
    assert (outcome.exit, (folder / "mine.csv").read_text()) == (2, "mine\n1\n")
    assert outcome.view.facts()["next"] == "Name another file, or add --overwrite."
    assert ran(folder, *WRITERS[name], option, "mine.csv", "--overwrite").error is None
    assert (folder / "mine.csv").read_text() != "mine\n1\n"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_two_results_do_not_go_into_one_file(folder: Path) -> None:
    outcome = ran(folder, *WRITERS["scaling"], "--out", "new.json", "--save", "./new.json")
    assert (outcome.exit, (folder / "new.json").exists()) == (2, False)
    assert "named twice" in outcome.view.title


def test_a_map_that_is_read_is_not_written_over(folder: Path) -> None:
    assert ran(folder, *WRITERS["scaling"], "--save", "map.json").error is None
    before = (folder / "map.json").read_bytes()
    outcome = ran(folder, "scaling", "--file", "rows.csv", "--map", "map.json", "--out", "map.json", "--overwrite")
    assert (outcome.exit, (folder / "map.json").read_bytes()) == (2, before)


def test_what_cannot_be_written_is_said_before_anything_is_computed(folder: Path) -> None:
    for target, said in (("no/rows.csv", "There is no folder"), ("x.doc", "not known to be"), (".", "not known to be")):
        outcome = ran(folder, *WRITERS["scaling"], "--out", target)
        assert outcome.exit == 2
        assert said in outcome.view.title
    assert "is a folder" in ran(folder, *WRITERS["scaling"], "--save", ".").view.title


def test_a_packed_file_is_packed_and_one_with_tabs_has_tabs(folder: Path) -> None:
    for name in ("out.csv.gz", "out.tsv"):
        assert ran(folder, *WRITERS["scaling"], "--out", name).error is None
        assert ran(folder, "scaling", "--file", name, "--columns", "id").view.facts()["rows"] == 60
    assert (folder / "out.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert "\t" in (folder / "out.tsv").read_text()


def test_every_option_that_names_a_result_is_one_that_is_held_against_this() -> None:
    context = click.Context(root)
    found: list[tuple[str, click.Parameter]] = []
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        verbs = command.commands.values() if isinstance(command, Noun) else [command]
        found += [(f"{name} {verb.name}", each) for verb in verbs if isinstance(verb, Capability)
                  for each in verb.params]
    results = {f"{words} --{each.name}" for words, each in found
               if each.name in ("out", "save", "good", "quarantine", "junit", "sarif", "summary", "events", "document",
                                "rows_to") and isinstance(each.type, LocalPath)}
    assert len(results) >= 12
    assert results == {f"{words} --{each.name}" for words, each in found if isinstance(each.type, TargetPath)}
