"""Partitions are shown, judged by what was read, merged without losing a row, and told apart for S3."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.data._readings import FILE_COST, Layout, Reading, priced
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Series, Status
from store.facts import Command, Run, Snapshot
from store.lake import FileRef, Lake, Manifest
from store.statement import filtered

ROWS = """SELECT i AS id, TIMESTAMP '2013-09-01 12:00' + to_days(CAST(i % 10 AS INTEGER)) AS sched_dep,
'2013-09-' || lpad(CAST(1 + i % 10 AS VARCHAR), 2, '0') AS day, i % 7 = 0 AS late, 't' || i % 4 AS tenant
FROM range($n) t(i)"""


@pytest.fixture
def one(project: Path, clock: ReplayClock) -> Session:
    return open_project(project, person="ana", source="test", clock=clock)


def put(session: Session, query: str = ROWS, by: tuple[str, ...] = ("day",), n: int = 400) -> Manifest:
    values = {"n": n} if "$n" in query else {}
    return session.commit(session.data().write("flights", query, sort=("id",), partition_by=by, values=values))[0]


def table(outcome: Outcome, name: str) -> list[dict[str, object]]:
    assert outcome.error is None, outcome.error
    return [dict(row) for row in outcome.view.table(name).rows]


# -- show -------------------------------------------------------------------------------------------------------


def test_partitions_are_shown_with_their_sizes_and_how_unequal_they_are(one: Session) -> None:
    state = put(one, ROWS.replace("'t' || i % 4", "CASE WHEN i < 390 THEN 'big' ELSE 't' || i % 4 END"), ("tenant",))
    outcome = one.perform(["partition", "show", "flights"])
    rows = table(outcome, "partitions")
    assert {(row["tenant"], row["rows"]) for row in rows} == {("big", 390), ("t0", 2), ("t1", 2), ("t2", 3), ("t3", 3)}
    assert [row["bytes"] for row in rows] == sorted((file.bytes for file in state.files), reverse=True)
    facts = outcome.view.facts()
    assert facts["skew"] == max(file.bytes for file in state.files) / facts["median_bytes"]  # type: ignore[operator]
    assert [(part.kind, len(part.x)) for part in outcome.view.parts if isinstance(part, Series)] == [("bar", 5)]


def test_a_dataset_without_partitions_is_one(one: Session) -> None:
    put(one, by=())
    assert [row["partition"] for row in table(one.perform(["partition", "flights"]), "partitions")] == ["all rows"]
    assert one.perform(["partition", "show", "flihgts"]).exit == 2


# -- advise -----------------------------------------------------------------------------------------------------


def opened(layout: Layout, reading: Reading, days: list[str], values: dict[str, list[str]]) -> Iterator[float]:
    """Every way of asking: the share of the files that have to be opened, counted one by one."""
    files = [()]
    for key in layout.keys:
        files = [(*file, value) for file in files for value in (days if key == "day" else values[key])]
    spans = [days[first:first + int(reading.days)] for first in range(len(days) - int(reading.days) + 1)] \
        if reading.days else [days]
    for span in spans:
        for wanted in values[reading.columns[0]] if reading.columns else [""]:
            hit = [file for file in files if all(
                (key != "day" or value in span) and (key not in reading.columns or value == wanted)
                for key, value in zip(layout.keys, file, strict=True))]
            yield len(hit) / len(files)


@pytest.mark.parametrize("keys", [(), ("day",), ("tenant",), ("tenant", "day")])
@pytest.mark.parametrize("reading", [Reading("a"), Reading("b", days=2), Reading("c", columns=("tenant",)),
                                     Reading("d", days=3, columns=("tenant",))])
def test_what_a_layout_spares_is_what_counting_files_gives(keys: tuple[str, ...], reading: Reading) -> None:
    days, values = [f"d{number}" for number in range(10)], {"tenant": ["x", "y", "z", "w"]}
    counts = {"day": 10, "tenant": 4}
    files = 1
    for key in keys:
        files *= counts[key]
    layout = Layout(keys, (5,) * files, {key: counts[key] for key in keys})
    cost = priced(layout, 4_000_000, 10, {reading: 3}, commits=2)
    shares = list(opened(layout, reading, days, values))
    assert cost.pruned == pytest.approx(1 - sum(shares) / len(shares))
    assert cost.read_bytes == pytest.approx(3 * sum(shares) / len(shares) * (4_000_000 + files * FILE_COST))
    assert cost.rewritten_bytes == pytest.approx(2 * 4_000_000 * (0.1 if "day" in keys else 1))
    assert (cost.median_bytes, cost.skew) == (pytest.approx(4_000_000 / files), pytest.approx(1.0))


def test_the_columns_that_sql_holds_against_values_are_read_off_it(one: Session) -> None:
    sql = """SELECT * FROM f JOIN g ON f.k = g.k
             WHERE f.tenant = 'a' AND region IN ('x', $r) AND v > 3 AND 2 = n AND q = p"""
    assert set(filtered(sql, "here", one.data().connect())) == {"tenant", "region", "n"}


def test_the_layout_that_its_readers_ask_for_is_advised(one: Session, project: Path) -> None:
    (project / "pipelines").mkdir()
    (project / "pipelines/p.sql").write_text("SELECT id FROM flights WHERE tenant = 't1'\n")
    (project / "pipelines/daily.yaml").write_text("steps: [{name: some, sql: p.sql, inputs: [flights], key: [id]}]\n")
    session = open_project(project, person="ana", source="test", clock=one.clock)
    put(session, n=400_000)
    assert session.perform(["partition", "advise", "flights"]).view.status is Status.UNKNOWN, "nothing was read"
    session.ledger.append(*(Run(subject="daily", run=f"daily-{number}", step="some", status="done")
                            for number in range(40)))
    outcome = session.perform(["partition", "advise", "flights", "--try", "late"])
    facts = outcome.view.facts()
    assert (outcome.view.status, facts["now"], facts["best"], facts["readings"]) == (
        Status.WARN, ("day",), ("tenant",), 40)
    rows = {row["partition_by"]: row for row in table(outcome, "layouts")}
    assert set(rows) == {"nothing", "day", "tenant", "tenant and day", "late"}
    assert {name: round(float(str(row["pruned"])), 9) for name, row in rows.items()} == {
        "nothing": 0, "day": 0, "tenant": 0.75, "tenant and day": 0.75, "late": 0}
    assert {name: row["files"] for name, row in rows.items()} == {
        "nothing": 1, "day": 10, "tenant": 4, "tenant and day": 20, "late": 2}, "a tenant has every other day"
    assert "Did you mean 'tenant'" in str(session.perform(["partition", "advise", "flights", "--try", "tennant"]).error)


def test_windows_of_the_history_are_counted_in_days(one: Session) -> None:
    put(one)
    for argv in (("drift", "flights", "--window", "1d"), ("performance", "flights-delay"),
                 ("windows", "flights-delay", "--day", "2013-09-03"), ("profile", "flights"),
                 ("drift", "others"), ("ingest", "flights")):
        one.ledger.append(Command(subject=argv[0], argv=argv, shape="measure", phase="outcome", status="pass",
                                  source="test"))
    rows = table(one.perform(["partition", "advise", "flights"]), "readings")
    assert {(row["who"], row["reads"]) for row in rows} == {
        ("drift", "5 days"), ("performance", "7 days"), ("windows", "1 day"), ("profile", "all of it")}


# -- compact ----------------------------------------------------------------------------------------------------


def masked(session: Session) -> Manifest:
    """Three rows of the first partition are left out, the second partition is two files, the third is all left out."""
    lake, state = session.data(), put(session)
    first, second, third, *others = state.files
    less = lake.without(first, "flights", "SELECT unnest([0, 5, 39])")
    none = lake.without(third, "flights", "SELECT unnest(range(40))")
    more = lake.write("flights", "SELECT 1000 AS id, TIMESTAMP '2013-09-02' AS sched_dep, '2013-09-02' AS day, true AS "
                      "late, 't9' AS tenant", partition_by=("day",)).files
    odd = Manifest("flights", state.columns, (less, second, *more, none, *others))
    lake.keep(odd)
    session.ledger.append(Snapshot(subject="flights", snapshot=odd.id, parent="", rows=odd.rows, bytes=odd.bytes))
    return odd


def rows_of(session: Session, state: Manifest) -> list[tuple[object, ...]]:
    return sorted(session.data().connect().execute(f"SELECT * FROM {session.data().scan(state)}").fetchall())


def test_merging_keeps_every_row_and_leaves_one_file_for_each_partition(one: Session) -> None:
    state = masked(one)
    before = rows_of(one, state)
    asked = one.perform(["partition", "compact", "flights"])
    facts = asked.view.facts()
    assert (facts["partitions"], facts["masked_files"], facts["files"], facts["files_after"]) == (3, 2, 11, 9)
    assert one.snapshot("flights").id == state.id, "nothing yet"
    done = one.perform(["partition", "compact", "flights"], consent=asked.plan)
    assert done.error is None, done.error
    now = one.snapshot("flights")
    assert rows_of(one, now) == before
    assert (now.rows, len(now.files), [file.mask for file in now.files]) == (state.rows, 9, [""] * 9)
    assert len({file.partition["day"] for file in now.files}) == 9
    untouched = {file.path for file in state.files[4:]} & {file.path for file in now.files}
    assert len(untouched) == 7, "what was one file already is not rewritten"
    log = table(one.perform(["snapshot", "log", "flights"]), "snapshots")
    assert (log[0]["source"], log[0]["parent"]) == ("compact", state.id)
    assert "already" in one.perform(["partition", "compact", "flights"]).view.title
    back = ["snapshot", "restore", f"flights@{state.id[:10]}"]
    assert one.perform(back, consent=one.perform(back).plan).exit == 0
    assert rows_of(one, one.snapshot("flights")) == before
    assert one.perform(["snapshot", "verify"]).exit == 0


def test_merging_the_same_state_twice_gives_the_same_state(one: Session) -> None:
    state = masked(one)
    compact, back = ["partition", "compact", "flights"], ["snapshot", "restore", f"flights@{state.id[:10]}"]
    made = []
    for _ in range(2):
        assert one.perform(compact, consent=one.perform(compact).plan).exit == 0
        made.append(one.snapshot("flights").id)
        assert one.perform(back, consent=one.perform(back).plan).exit == 0
    assert made[0] == made[1]


def test_merging_that_would_change_rows_is_refused(one: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    state = masked(one)
    write = Lake.write
    monkeypatch.setattr(Lake, "write", lambda self, name, query, **how: write(
        self, name, f"SELECT * REPLACE (id + 1 AS id) FROM ({query})", **how))
    argv = ["partition", "compact", "flights"]
    done = one.perform(argv, consent=one.perform(argv).plan)
    assert (done.exit, "would not be the same" in done.view.title) == (2, True)
    assert one.snapshot("flights").id == state.id


def test_merging_while_somebody_commits_asks_again(one: Session) -> None:
    masked(one)
    asked = one.perform(["partition", "compact", "flights"])
    put(one, "SELECT 5 AS id, TIMESTAMP '2013-09-02' AS sched_dep, '2013-09-30' AS day, true AS late, 'x' AS tenant")
    again = one.perform(["partition", "compact", "flights"], consent=asked.plan)
    assert again.view.status is Status.CONFIRM


# -- policy -----------------------------------------------------------------------------------------------------

ODD = ["acme", "Acme", "a/b", "a_b", "..", "*", "a?c", "${aws:username}", "Zürich", "50%", "x" * 300, "x" * 299 + "y"]


def matches(pattern: str, key: str) -> bool:
    """S3's own rule, written down again: `*` is anything, `?` one character, `${...}` a variable."""
    assert "${" not in pattern
    head, star, rest = pattern.partition("*")
    assert (star, rest, "?" in head) == ("*", "", False), "only the end is a pattern"
    return key.startswith(head)


@pytest.mark.parametrize("by", ["tenant", "region"])
def test_each_value_may_read_its_own_files_and_no_other(one: Session, by: str) -> None:
    values = ", ".join(f"('{value}')" for value in ODD)
    state = put(one, f"SELECT row_number() OVER () AS id, * FROM (VALUES {values}) t(tenant), "
                     "(VALUES ('eu'), ('us')) r(region)", ("tenant", "region"))
    place = ["--bucket", "acme-lake", "--prefix", "ml/lake"]
    outcome = one.perform(["partition", "policy", "flights", "--by", by, *place])
    document = json.loads(next(part.body for part in outcome.view.parts if getattr(part, "kind", "") == "code"))
    keys = {file.path: file.partition[by] for file in state.files}
    seen: dict[str, set[str]] = {}
    rows = table(outcome, "prefixes")
    for row in rows:
        seen.setdefault(str(row["value"]), set()).update(
            path for path in keys if f"ml/lake/{path}".startswith(str(row["prefix"])))
    assert seen == {value: {path for path, each in keys.items() if each == value} for value in set(keys.values())}
    gets = [each for each in document["Statement"] if each["Action"] == "s3:GetObject"]
    assert len(gets) == len(set(keys.values())) == len({each["Sid"] for each in gets})
    for statement in gets:
        mine = {path for path in keys for resource in statement["Resource"]
                if matches(resource, f"arn:aws:s3:::acme-lake/ml/lake/{path}")}
        assert len({keys[path] for path in mine}) == 1
        assert all(each.isalnum() for each in statement["Sid"])
    assert one.ledger.entries("command") == [], "nothing is done"


def test_two_values_in_one_folder_of_an_older_lake_are_not_told_apart(one: Session) -> None:
    state = put(one, "SELECT 1 AS id, 'a/b' AS tenant UNION ALL SELECT 2, 'a_b'", ("tenant",))
    lake, files = one.data(), list[FileRef]()
    for file in state.files:  # as it was written before
        path = f"flights/tenant=a_b/{file.sha256}.parquet"
        (lake.root / path).parent.mkdir(exist_ok=True)
        (lake.root / file.path).rename(lake.root / path)
        files.append(FileRef(path, file.sha256, file.rows, file.bytes, file.partition))
    old = Manifest("flights", state.columns, tuple(files))
    assert old.id == state.id, "where a file lies is no part of what it is"
    (lake.root / "flights/_snapshots" / f"{state.id}.json").unlink()
    lake.forget("flights", state.id)
    lake.keep(old)
    assert sorted(rows_of(one, one.snapshot("flights"))) == [(1, "a/b"), (2, "a_b")], "it reads as before"
    outcome = one.perform(["partition", "policy", "flights"])
    assert (outcome.exit, "has files of" in outcome.view.title) == (2, True)


@pytest.mark.parametrize(("options", "said"), [
    (["--by", "tenent"], "Did you mean 'tenant'"), (["--bucket", "A b"], "no name of a bucket"),
    (["--prefix", "a*"], "pattern"), (["--value", "x"], "no value 'x'")])
def test_a_policy_that_would_mean_something_else_is_refused(one: Session, options: list[str], said: str) -> None:
    put(one, by=("tenant", "day"))
    assert said in str(one.perform(["partition", "policy", "flights", *options]).error)


def test_without_partitions_there_is_nothing_to_tell_apart(one: Session) -> None:
    put(one, by=())
    assert one.perform(["partition", "policy", "flights"]).exit == 2


# -- pruning ----------------------------------------------------------------------------------------------------


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The days of every file that goes into a scan."""
    found: list[str] = []
    read = Lake._read

    def noted(self: Lake, files: list[FileRef]) -> str:
        found.extend(file.partition.get("day", "") for file in files)
        return read(self, files)

    monkeypatch.setattr(Lake, "_read", noted)
    return found


def test_explain_shows_that_only_the_files_of_a_day_are_read(one: Session) -> None:
    state = put(one)
    part = state.within(day=("2013-09-03", "2013-09-03"))
    plan = one.data().connect().execute(f"EXPLAIN ANALYZE SELECT * FROM {one.data().scan(part)}").fetchall()[0][1]
    assert "Total Files Read: 1" in plan
    whole = one.data().connect().execute(f"EXPLAIN ANALYZE SELECT * FROM {one.data().scan(state)}").fetchall()[0][1]
    assert "Total Files Read: 10" in whole


@pytest.mark.parametrize(("argv", "days"), [
    (("drift", "flights", "--window", "1d"), {"09-06", "09-05"}),
    (("windows", "flights-delay", "--day", "2013-09-05"), {"09-05", "09-04"})])
def test_what_looks_at_one_day_reads_no_other(one: Session, scanned: list[str], argv: tuple[str, ...],
                                              days: set[str]) -> None:
    assert isinstance(one.clock, ReplayClock)
    (one.declared().root / "monitors/flights-drift.yaml").unlink()
    (one.declared().root / "monitors/day.yaml").write_text(
        "check: drift\nsubject: flights\nwindow: 1d\nreference: {before: 1d}\n")
    put(one)
    one.clock.moment -= timedelta(days=8)
    session = open_project(one.declared().root, person="ana", source="test", clock=one.clock)
    scanned.clear()
    outcome = session.perform(argv)
    assert outcome.error is None, outcome.error
    assert scanned
    assert {day[5:] for day in scanned if day} <= days | {"09-04"}
    assert len(set(scanned)) < 5, "of ten"
