"""What is taken along from the screen: by the clipboard, or as a file where that is too small."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual import events

from mlops_tui.session import Session
from mlops_tui.tui.exporting import Seen, as_csv, as_pipes, as_rows, cells, file_name, offered, told
from mlops_tui.tui.parts.copying import MOST, written
from mlops_tui.tui.screens.copy import Copy
from mlops_tui.view import Column, Status, Table
from tests.screens import dashboard, run

MOMENT = datetime(2013, 9, 14, 10, tzinfo=UTC)
ROWS = Table("alerts", (Column("alert"), Column("status")), (
    {"alert": "AL-7", "status": Status.FAIL, "why": 'late, "[again]" | 夜', "at": MOMENT, "argv": ("alert", "show")},
    {"alert": "AL-8", "status": Status.PASS, "people": ("ana", "bo"), "share": float("nan")}), total=9)


def test_a_table_is_the_same_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(as_csv(ROWS), encoding="utf-8")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(lines))
    assert list(read[0]) == ["alert", "status", "why", "at", "people", "share"]
    assert read[0]["why"] == 'late, "[again]" | 夜'
    assert (read[0]["at"], read[0]["status"]) == ("2013-09-14T10:00:00Z", "fail")
    assert (read[1]["people"], read[1]["share"]) == ("ana; bo", "")
    assert json.loads(as_rows(ROWS))[1]["people"] == ["ana", "bo"]
    lines = as_pipes(ROWS).splitlines()
    assert lines[0] == "| alert | status | why | at | people | share |"
    assert r"\|" in lines[2], "a pipe in a value is no border"


def test_only_what_is_there_is_offered() -> None:
    seen = Seen(("flights", "Incidents"), command=("incident", "show", "INC-3"), row=ROWS.rows[0], table=ROWS,
                sifted="status:fail", lines=["a  ", "b"])
    found = {taken.key: taken for taken in offered(seen)}
    assert list(found) == ["y", "r", "c", "m", "j", "s"]
    assert found["y"].text == "mlops-tui incident show INC-3"
    assert found["c"].what == "The table as CSV: 2 rows of 9, / status:fail"
    assert "argv" not in json.loads(found["r"].text)
    assert found["s"].text == "a\nb"
    assert [taken.text for taken in cells(ROWS.rows[1])] == ["AL-8", "pass", "ana; bo"]
    assert told(seen, MOMENT) == "flights ▸ Incidents   / status:fail   14 Sep 2013 10:00 UTC"
    assert file_name(("夜 ../x", "job log 3"), "csv") == "夜-..-x-job-log-3.csv"
    assert [taken.key for taken in offered(Seen(()))] == []


def test_a_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    assert [written(tmp_path, "a.csv", b"1").name for _ in range(3)] == ["a.csv", "a-2.csv", "a-3.csv"]
    with pytest.raises(OSError, match="No such file"):
        written(tmp_path / "gone", "a.csv", b"1")


def test_what_is_seen_is_copied_and_written(told: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = tmp_path / "here"
    downloads.mkdir()
    monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(downloads))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")

    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            async def copied(*keys: str) -> str:
                await terminal.press(*keys)
                assert terminal.app.screen is not None
                assert not isinstance(terminal.app.screen, Copy)
                return terminal.app.clipboard

            assert await copied("6", "y", "y") == "mlops-tui incident show INC-3"
            assert await copied("y", "u") == "mlops-tui open flights:INC-3"
            for key in "yrrr":  # faster than the menu goes away
                terminal.app.post_message(events.Key(key, key))
            await terminal.press()
            assert terminal.app.screen.id == "incidents"
            assert json.loads(terminal.app.clipboard)["incident"] == "INC-3"
            assert await copied("down", "y", "enter") == "mlops-tui alert show AL-7"
            assert (await copied("space", "y", "c")).count("\n") == 2, "the one that is marked"
            assert await copied("3", "y", "y") == "mlops-tui model show flights-delay@8"
            assert json.loads(await copied("y", "r"))["version"] == "8"
            before = terminal.app.clipboard
            await terminal.press("y")
            await terminal.expect(lambda: "as CSV: 3 rows" in terminal.text)
            assert await copied("v", "escape") == before
            assert await copied("y", "v", "enter") == "flights-delay"
            assert (await copied("tab", "y", "a")).startswith("# ● flights-delay 8, the challenger")
            await terminal.press("slash", *"champ", "enter", "y", "C")
            [made] = downloads.glob("*.csv")
            assert made.name == "flights-Models.csv"
            assert made.read_text(encoding="utf-8").count("\n") == 2
            assert f"written: {made}" in [each.message for each in terminal.app._notifications], "it says where"
            await terminal.type("link")
            assert terminal.app.clipboard.startswith("mlops-tui open flights:")
            await terminal.type("shot before")
            assert "/ champ" in (downloads / "before.txt").read_text(encoding="utf-8").splitlines()[0]
            drawn = (downloads / "before.svg").read_text(encoding="utf-8")
            assert "flights-delay" in drawn
            assert "url(http" not in drawn, "whoever looks at it asks nobody for fonts"
            assert not terminal.app._copy("x" * MOST, "much")
            monkeypatch.setenv("TERM", "linux")
            await terminal.press("y", "j")
            assert [path.name for path in downloads.glob("*.json")] == ["flights-Models.json"]
            (downloads / "flights-Models.json").unlink()
            for path in downloads.iterdir():
                path.unlink()
            downloads.rmdir()
            monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(tmp_path / "mlops.yaml"))
            monkeypatch.chdir(tmp_path)
            await terminal.press("y", "J")
            assert (tmp_path / "flights-Models.json").exists(), "where it was begun"

    run(story())
