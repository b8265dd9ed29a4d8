"""Windows of time from kept profiles: the same as reading their rows, whoever dies or writes in the middle."""

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scipy import stats

from mlops_tui.analysis import distance
from mlops_tui.analysis.verdict import Limits
from mlops_tui.opening import open_project
from mlops_tui.profiling import columnprofiles, shifts, windowed, windowprofiles
from mlops_tui.session import ReplayClock, Session
from store.lake import Lake
from tests.profiling.test_windowed import DATASET

Opened = Callable[..., Session]
ROOT = Path(__file__).parents[2]
START = datetime.fromisoformat("2013-06-20T00:00-04:00")
ROWS = """
SELECT i AS id, $start + to_minutes(i * 20) AS sched_dep,
       strftime(timezone('America/New_York', $start + to_minutes(i * 20)), '%Y-%m-%d') AS day,
       CASE WHEN i % 7 > 4 THEN 1e6 + i / 2 + sin(i) * 1e3 WHEN i % 7 > 0 THEN sin(i) * 1e3 END AS delay,
       'c' || i % 5 AS carrier, i % 3 = 0 AS late, i % 11 AS seats
FROM range($n) t(i)
"""
NAMES = ("delay", "carrier", "late", "seats")


def filled(session: Session, by: tuple[str, ...] = ("day",), n: int = 3300) -> Session:
    """Forty-five days of rows each twenty minutes, June's last, July, and August's first; large delays grow, and lie in
    few cells."""
    session.commit(session.data().write("flights", ROWS, partition_by=by, sort=("sched_dep",),
                                        values={"n": n, "start": START}))
    return session


def read(session: Session, source: windowed.Source, span: windowed.Span) -> bytes:
    """What reading the rows gives, on the grids that are agreed."""
    shelf = windowprofiles.Shelf(session, source, NAMES)
    with windowed.rows_in(session, source, [span], NAMES) as rows:
        return columnprofiles.packed(rows.rows, NAMES, columnprofiles.profiled(rows, NAMES, shelf.grid))


def kept(session: Session, source: windowed.Source, spans: Sequence[windowed.Span]) -> list[bytes]:
    return [columnprofiles.packed(each.rows, NAMES, dict(each.columns))
            for each in windowprofiles.over(session, source, NAMES, spans)]


def some_spans(count: int) -> list[windowed.Span]:
    draw = random.Random(5)
    minutes = [sorted(draw.randrange(-2000, 67_000) for _ in range(2)) for _ in range(count)]
    hours = [[edge // 60 * 60 for edge in pair] for pair in minutes]
    return [(START + timedelta(minutes=first), START + timedelta(minutes=last)) for first, last in minutes + hours]


def forget() -> None:
    """As another process would begin."""
    windowprofiles._read.cache_clear()
    windowprofiles._WINDOWS.clear()


@pytest.mark.parametrize("by", [("day",), (), ("carrier",)])
def test_a_window_of_kept_profiles_is_that_of_its_rows(session: Opened, by: tuple[str, ...]) -> None:
    asked = filled(session(), by)
    source = windowed.source(asked, DATASET)
    names = tuple(name for name in NAMES if name not in by)
    spans = [*some_spans(2), (START, START + timedelta(days=400)), (START - timedelta(days=9), START)]
    for found, span in zip(windowprofiles.over(asked, source, names, spans), spans, strict=True):
        with windowed.rows_in(asked, source, [span], names) as rows:
            shelf = windowprofiles.Shelf(asked, source, names)
            wanted = columnprofiles.packed(rows.rows, names, columnprofiles.profiled(rows, names, shelf.grid))
        assert found.rows == 0 or columnprofiles.packed(found.rows, names, dict(found.columns)) == wanted, span


def test_no_row_is_read_a_second_time(session: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = filled(session())
    source = windowed.source(asked, DATASET)
    week = [(START + timedelta(days=days, hours=6), START + timedelta(days=days + 7, hours=6)) for days in (3, 10)]
    first = kept(asked, source, week)
    forget()
    monkeypatch.setattr(Lake, "scan", lambda *_: pytest.fail("rows are read"))
    assert kept(asked, source, week) == first


def test_whole_months_are_one_profile(session: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = filled(session())
    source = windowed.source(asked, DATASET)
    summer = (START, START + timedelta(days=80))
    first = kept(asked, source, [summer])
    forget()
    opened: list[Path] = []
    monkeypatch.setattr(columnprofiles, "unpacked", lambda stored, really=columnprofiles.unpacked: opened.append(
        Path()) or really(stored))
    assert kept(asked, source, [summer]) == first == [read(asked, source, summer)]
    assert len(opened) == 2 + 4, "June's days and July, one each, and four days of August"


def test_a_window_is_put_together_once_in_a_process(session: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = filled(session(), n=400)
    source, span = windowed.source(asked, DATASET), [(START, START + timedelta(days=9))]
    first = kept(asked, source, span)
    with monkeypatch.context() as patch:
        patch.setattr(columnprofiles, "merged", lambda *_: pytest.fail("it is put together again"))
        assert kept(asked, source, span) == first
    gone = asked.data().place_of(source.manifest.files[0])
    gone.chmod(0o644)
    gone.unlink()
    put: list[int] = []
    monkeypatch.setattr(columnprofiles, "merged", lambda *given, really=columnprofiles.merged: put.append(1) or really(
        *given))
    assert kept(asked, source, span) == first
    assert put, "a window outlives the files it is made of"


@pytest.mark.parametrize("damage", [b"", b"mlops-tui profile\nnonsense", "a byte", "half"])
def test_a_damaged_profile_is_made_again_and_never_believed(session: Opened, damage: bytes | str) -> None:
    asked = filled(session(), n=400)
    source, span = windowed.source(asked, DATASET), [(START, START + timedelta(days=9))]
    first = kept(asked, source, span)
    forget()
    files = sorted((asked.data().root / "flights" / "_profiles").rglob("*.profile"))
    whole = {path: path.read_bytes() for path in files}
    for path, content in whole.items():
        path.unlink()
        path.write_bytes(damage if isinstance(damage, bytes) else content[:len(content) // 2] if damage == "half"
                         else content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    assert kept(asked, source, span) == first
    assert {path: path.read_bytes() for path in files} == whole


def test_profiles_of_another_grid_are_made_again(session: Opened) -> None:
    asked = filled(session(), n=400)
    source, span = windowed.source(asked, DATASET), (START, START + timedelta(days=9))
    kept(asked, source, [span])
    for path in (asked.data().root / "flights" / "_profiles").glob("grid-*.json"):
        path.write_bytes(path.read_bytes().replace(b'"centre": "0x1.', b'"centre": "0x1.8'))
    assert kept(asked, source, [span]) == [read(asked, source, span)]


def test_other_columns_are_added_to_what_is_kept(session: Opened) -> None:
    asked = filled(session(), n=400)
    source, span = windowed.source(asked, DATASET), [(START, START + timedelta(days=9))]
    windowprofiles.over(asked, source, ("late",), span)
    [found] = windowprofiles.over(asked, source, NAMES, span)
    assert found.columns["delay"].n == 342
    again = windowprofiles.over(asked, source, ("late", "nowhere"), span)[0].columns["nowhere"]
    assert (again.rows, again.missing) == (400, 400)


def test_numbers_in_one_file_and_texts_in_another_are_texts(session: Opened) -> None:
    asked = session()
    for day, value in (("2013-09-01", "7"), ("2013-09-02", "'seven'"), ("2013-09-03", "NULL::INTEGER")):
        row = f"SELECT TIMESTAMPTZ '{day} 12:00:00-04' AS sched_dep, '{day}' AS day, {value} AS delay"
        asked.commit(asked.data().write("flights", row, partition_by=("day",)))
    source = windowed.source(asked, DATASET)
    [found] = windowprofiles.over(asked, source, ("delay",), [(START, START + timedelta(days=99))])
    assert (found.columns["delay"].kind, found.columns["delay"].levels) == ("category", {"7": 1, "seven": 1})
    [numbers] = windowprofiles.over(asked, source, ("delay",), [(START, datetime(2013, 9, 2, tzinfo=UTC))])
    assert (numbers.columns["delay"].kind, numbers.columns["delay"].n) == ("numeric", 1)


def test_whoever_only_reads_leaves_nothing(project: Path, clock: ReplayClock, session: Opened) -> None:
    filled(session(), n=400)
    reader = open_project(project, person="vera", clock=clock, source="test", read_only=True)
    source, span = windowed.source(reader, DATASET), (START, START + timedelta(days=9))
    [found] = kept(reader, source, [span])
    assert found == read(reader, source, span)
    assert not (reader.data().root / "flights" / "_profiles").exists()


PROFILING = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from mlops_tui.profiling import windowed, windowprofiles
from mlops_tui.opening import open_project
from mlops_tui.project import Subject
session = open_project(Path(sys.argv[1]), source="test")
start = datetime.fromisoformat("2013-06-20T00:00-04:00")
print("begun", flush=True)
windowprofiles.over(session, windowed.source(session, Subject("dataset", "flights", "")),
                    ("delay", "carrier", "late", "seats"), [(start, start + timedelta(days=80))])
print("done", flush=True)
"""


def test_two_that_profile_at_once_and_are_killed_leave_what_one_would(session: Opened, project: Path) -> None:
    asked = filled(session())
    pair = [subprocess.Popen([sys.executable, "-c", PROFILING, str(project)], stdout=subprocess.PIPE,
                             env={**os.environ, "PYTHONPATH": str(ROOT)}) for _ in range(2)]
    for child in pair:
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
    for child, pause in zip(pair, (0.04, 0.1), strict=True):
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    source = windowed.source(asked, DATASET)
    spans = [(START, START + timedelta(days=80)), *some_spans(3)]
    assert kept(asked, source, spans) == [read(asked, source, span) for span in spans]


def test_a_verdict_within_the_bounds_is_decided_by_the_rows(session: Opened) -> None:
    asked = filled(session())
    source = windowed.source(asked, DATASET)
    spans = [(START + timedelta(days=days), START + timedelta(days=days + 9, hours=7)) for days in (2, 20)]
    sides = [windowprofiles.side(asked, source, ("delay",), [span]) for span in spans]
    values = []
    for span in spans:
        with windowed.rows_in(asked, source, [span], ("delay",)) as rows:
            values.append([value for batch in rows.numbers("delay") for value in batch.values.tolist()])
    exact = float(stats.ks_2samp(*values, method="asymp").statistic)
    for limit in (math.nextafter(exact, 0), math.nextafter(exact, 1)):
        [found] = shifts.compare(sides[0], sides[1], Limits(ks=limit))
        assert found.figures["method"] == "exact in open cells"
        assert found.evidence.effect == distance.Bounds(exact, exact)
        assert found.verdict.drifted is (limit <= exact)
    [far] = shifts.compare(sides[0], sides[1], Limits(ks=0.9))
    assert far.figures["method"] == "16-bit cells"
    assert far.evidence.effect.low < exact < far.evidence.effect.high


def test_profiles_go_with_the_files_that_they_are_of(project: Path, clock: ReplayClock) -> None:
    asked = filled(open_project(project, person="ana", source="test", clock=clock))
    source, summer = windowed.source(asked, DATASET), [(START, START + timedelta(days=80))]
    windowprofiles.over(asked, source, NAMES, summer)
    shelves = asked.data().root / "flights" / "_profiles"
    before = set(shelves.glob("??/*/"))
    other = f"SELECT * REPLACE (7::BIGINT AS seats) FROM ({ROWS}) WHERE day = '2013-07-04'"
    asked.commit(asked.data().write("flights", other, partition_by=("day",), sort=("sched_dep",),
                                    values={"n": 3300, "start": START}))
    clock.advance(clock() + timedelta(days=99))
    command = ["snapshot", "gc", "--grace", "0s", "--keep", "1d", "--all"]
    assert asked.perform(command, consent=asked.perform(command).plan).error is None
    source = windowed.source(asked, DATASET)
    known = {file.folder for file in source.manifest.files}
    left = {path.name for path in shelves.glob("??/*/")}
    assert left == known & {path.name for path in before}, "neither the fourth of July that was, nor months"
    assert len(left) == len(known) - 1
    assert kept(asked, source, summer) == [read(asked, source, summer[0])]
