import json
from dataclasses import replace
from pathlib import Path

import pytest

from store import scrubbing
from store.erasing import Match, dropped, located, rewritten, swapped
from store.lake import Lake, Manifest

PEOPLE = '"=people"'
SAID = {"requests": ["OO-1"], "at": "2024-03-01T00:00:00+00:00"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake", threads=1)
    made.connect().execute(f"CREATE TABLE {PEOPLE} AS SELECT unnest(['007', '12', 'P-3']) AS value")
    return made


def erased(lake: Lake, dataset: str, *matches: Match) -> int:
    held = located(lake, lake.connect(), dataset, matches)
    erasure = rewritten(lake, dataset, held)
    swapped(lake, erasure, SAID)
    dropped(lake, dataset, erasure.old)
    return sum(len(each.rows) for each in held)


def ids(lake: Lake, manifest: Manifest, column: str = "who") -> list[object]:
    return [row[0] for row in lake.connect().execute(f"SELECT {column} FROM {lake.scan(manifest)}").fetchall()]


@pytest.mark.parametrize(("type", "values", "left"), [
    ("VARCHAR", ["7", "007", "12", "P-3", "p-3", None], ["7", "p-3", None]),
    ("BIGINT", [7, 12, 120, None], [7, 120, None]),  # 007 is not 7
    ("DOUBLE", [12.0, 12.5], [12.5]),
    ("VARCHAR[]", [["12", "13"], ["13"]], [["13"]])])
def test_a_person_is_told_by_the_type_of_the_column(lake: Lake, type: str, values: list, left: list) -> None:
    made = lake.write("d", f"SELECT unnest(CAST($values AS {type}[])) AS who", values={"values": values})
    erased(lake, "d", Match(columns=("who",), values=PEOPLE))
    assert ids(lake, lake.manifest("d", made.id)) == left


def test_masked_rows_and_files_without_a_snapshot_go_as_well(lake: Lake) -> None:
    first = lake.write("d", "SELECT CASE i % 3 WHEN 0 THEN 'P-3' ELSE 'x' || i END AS who FROM range(9) t(i)")
    masked = Manifest("d", first.columns, (lake.without(first.files[0], "d", "SELECT unnest([0, 1])"),))
    lake.keep(masked)
    orphan = lake.write("d", "SELECT 'P-3' AS who")
    (lake.root / "d" / "_snapshots" / f"{orphan.id}.json").unlink()
    lake.keep_result("k" * 64, masked)
    assert erased(lake, "d", Match(columns=("who",), values=PEOPLE)) == 4
    assert ids(lake, lake.manifest("d", masked.id)) == ["x2", "x4", "x5", "x7", "x8"]
    assert ids(lake, lake.manifest("d", first.id)) == ["x1", "x2", "x4", "x5", "x7", "x8"]
    assert lake.result("d", "k" * 64) is None
    assert not [path for path in lake.root.rglob("*.parquet") if b"P-3" in path.read_bytes()]
    assert not (lake.root / orphan.files[0].path).exists()


def test_a_snapshot_that_had_them_says_so_and_a_second_time_adds_nothing(lake: Lake) -> None:
    made = lake.write("d", "SELECT unnest(['P-3', 'a']) AS who, 1 AS n")
    other = lake.write("d", "SELECT unnest(['b']) AS who, 1 AS n")
    for _ in range(2):
        erased(lake, "d", Match(columns=("who",), values=PEOPLE))
        state = lake.manifest("d", made.id)
        assert state.erased == ({**SAID, "rows": 1},)
        assert lake.manifest("d", other.id).erased == ()
    again = Lake(lake.root)
    assert again.manifest("d", made.id) == state
    assert again.damaged(state) == []
    lake.write("d", "SELECT unnest(['P-3', 'a']) AS who, 1 AS n")  # who came back is there again
    assert lake.manifest("d", made.id).erased == ()
    assert ids(lake, lake.manifest("d", made.id)) == ["P-3", "a"]


def test_a_file_that_lies_elsewhere_is_masked_and_not_touched(lake: Lake, tmp_path: Path) -> None:
    made = lake.write("d", "SELECT unnest(['P-3', 'a', '12']) AS who")
    outside = tmp_path / "theirs.parquet"
    (lake.root / made.files[0].path).rename(outside)
    state = Manifest("e", made.columns, (replace(made.files[0], path="theirs.parquet", base=str(tmp_path)),))
    lake.keep(state)
    before = outside.read_bytes()
    for _ in range(2):
        [held] = located(lake, lake.connect(), "e", [Match(columns=("who",), values=PEOPLE)])
        assert held.elsewhere
        erased(lake, "e", Match(columns=("who",), values=PEOPLE))
        assert ids(lake, lake.manifest("e", state.id)) == ["a"]
        assert len(lake.manifest("e", state.id).erased) == 1
    assert outside.read_bytes() == before


@pytest.mark.parametrize("person", ["José-12345", "čaj-99999", 'a"b-12345', "x😀-12345", "a\\b-12345"])
def test_an_id_is_found_and_rubbed_out_however_json_or_csv_writes_it(tmp_path: Path, person: str) -> None:
    log, words = tmp_path / "log.txt", scrubbing.pattern([person])
    quoted = person.replace('"', '""')
    for text in (json.dumps({"who": person}), json.dumps({"who": person}, ensure_ascii=False), f'1,"{quoted}"', person):
        log.write_text(text, encoding="utf-8")
        assert list(scrubbing.holding([log], [person])) == [log]
        assert scrubbing.rubbed_out(log, words) == 1
        assert list(scrubbing.holding([log], [person])) == []
