"""The shipped flights project: it reads, its outcomes are known when they were, a day's features need few days."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from mlops_tui.child import function_of
from mlops_tui.project import FOLDERS, Project, read_feature
from mlops_tui.quality.contracts import compiled
from mlops_tui.timetable import schedules

AIRPORTS = """faa,name,lat,lon,alt,tz,dst,tzone
LAX,Los Angeles Intl,33.9,-118.4,126,-8,A,America/Los_Angeles
BOS,Logan,42.4,-71,19,-5,A,America/New_York
"""
WEATHER = """origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
JFK,2013,7,1,8,70,60,70,180,5,NA,0,NA,10,2013-07-01T12:00:00Z
"""
PLANES = """tailnum,year,type,manufacturer,model,engines,seats,speed,engine
N1,NA,Fixed wing multi engine,BOEING,737,2,150,NA,Turbo-fan
"""
FLIGHTS = """year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,\
origin,dest,air_time,distance,hour,minute,time_hour
2013,7,1,2015,2000,15,2305,2300,5,UA,1,N1,JFK,LAX,330,2475,20,0,2013-07-02T00:00:00Z
2013,7,1,2340,2255,45,35,4,31,B6,2,N1,JFK,BOS,40,187,22,55,2013-07-02T02:00:00Z
2013,1,1,900,900,0,1340,1345,-5,B6,3,N1,JFK,SJU,200,1598,9,0,2013-01-01T14:00:00Z
2013,7,1,NA,1000,NA,NA,1110,NA,B6,4,NA,JFK,BOS,NA,187,10,0,2013-07-01T14:00:00Z
"""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with as_file(files("templates") / "flights") as root:
        yield Project(root)


def test_every_declaration_reads_and_what_it_names_exists(project: Project) -> None:
    others = {"endpoint", "route", "rotation", "board", "guideline", "impact", "access"}
    assert {kind for kind in FOLDERS if not project.every(kind)} <= others
    model = project.model("flights-delay")
    assert set(model.features) == set(project.features)
    assert model.checklist in project.checklists
    for name, monitor in project.monitors.items():
        assert monitor.subject in {**project.models, **project.datasets}, name
        assert monitor.alert is not None
        assert monitor.alert.runbook in project.runbooks, name
    assert len(schedules(project)) == sum(bool(monitor.every) for monitor in project.monitors.values())
    for steps in (pipeline.steps for pipeline in project.pipelines.values()):
        assert all((project.root / "pipelines" / step.sql).is_file() for step in steps if step.sql)
        assert all(callable(function_of(step.python, project.root)) for step in steps if step.python)


def test_its_people_are_simulated_and_two_may_approve_what_the_third_asks_for(project: Project) -> None:
    people = project.team.people
    assert all(person.simulated and "simulated" in person.name for person in people.values())
    approvers = {name for name, person in people.items() if project.settings.approvals.role in person.roles}
    assert len(approvers) == project.settings.approvals.quorum
    assert project.model("flights-delay").owner not in approvers


@pytest.fixture
def landed(tmp_path: Path, project: Project) -> duckdb.DuckDBPyConnection:
    for name, text in (("airports", AIRPORTS), ("weather", WEATHER), ("planes", PLANES), ("flights", FLIGHTS)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET VARIABLE raw = ?", [str(tmp_path)])
    connection.execute((project.root / "landing.sql").read_text(encoding="utf-8"))
    return connection


def test_an_outcome_is_known_when_the_flight_arrives_by_the_clock_of_its_destination(
        landed: duckdb.DuckDBPyConnection) -> None:
    found = {row[0]: row[1:] for row in landed.execute(
        "SELECT flight, known_at, late, day, flight_id FROM landed_flights").fetchall()}
    assert found[1][:2] == (datetime(2013, 7, 2, 6, 5, tzinfo=UTC), False)      # 23:05 in Los Angeles
    assert found[2][:3] == (datetime(2013, 7, 2, 4, 35, tzinfo=UTC), True, date(2013, 7, 1))  # 0:35 the next day
    assert found[3][:2] == (datetime(2013, 1, 1, 17, 40, tzinfo=UTC), False)    # San Juan is not in the table
    assert found[4] == (None, None, date(2013, 7, 1), "2013-07-01-B6-4-JFK")    # cancelled


def test_contracts_fit_what_lands(landed: duckdb.DuckDBPyConnection, project: Project) -> None:
    for name, contract in project.datasets.items():
        described = landed.execute(f"SELECT * FROM landed_{name} LIMIT 0").description or []
        columns = {str(column): str(kind) for column, kind, *_ in described}
        rules = compiled(contract, columns, zone="America/New_York", known=lambda dataset: ["faa"])
        assert rules.unchecked == ()
        assert set(rules.ignored) <= {"day"}


# -- features -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flight:
    """A made-up flight."""

    flight_id: str
    sched_dep: datetime
    origin: str
    dest: str
    carrier: str
    departed_at: datetime | None
    known_at: datetime | None
    late_by: int | None


MOMENT = pa.timestamp("us", tz="UTC")
MADE = pa.schema([("flight_id", pa.string()), ("sched_dep", MOMENT), ("origin", pa.string()), ("dest", pa.string()),
                  ("carrier", pa.string()), ("departed_at", MOMENT), ("known_at", MOMENT), ("late_by", pa.int32())])


def traffic(seed: int, days: int, each: int) -> list[Flight]:
    """Flights at whole minutes, some early, some cancelled, some hours late."""
    draw, made, start = random.Random(seed), [], datetime(2013, 3, 8, 5, tzinfo=UTC)
    for number in range(days * each):
        due = start + timedelta(days=number // each, minutes=draw.randrange(18 * 60))
        gone, delay = draw.random() > 0.1, draw.choice((-12, 0, 3, 20, 95, 500))
        departed = due + timedelta(minutes=delay) if gone else None
        known = departed + timedelta(minutes=draw.randrange(40, 400)) if departed else None
        made.append(Flight(f"F{number}", due, draw.choice(("EWR", "JFK")), draw.choice(("LAX", "BOS")),
                           draw.choice(("UA", "B6")), departed, known, draw.randrange(-20, 90) if known else None))
    return made


def view(project: Project, name: str, flights: list[Flight]) -> list[tuple[object, ...]]:
    """The rows of a feature view over the flights, in order."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    rows = [asdict(each) for each in flights]
    connection.register("made", pa.Table.from_pylist(rows, schema=MADE))
    connection.execute("CREATE VIEW flights AS SELECT *, late_by >= 15 AS late, late_by AS arr_delay, "
                       "CAST(date_diff('minute', sched_dep, departed_at) AS INTEGER) AS dep_delay FROM made")
    feature = read_feature(project.root / "features" / f"{name}.sql")
    keys = ", ".join((*feature.entity, feature.time))
    return connection.execute(f"SELECT * FROM ({feature.sql}) ORDER BY {keys}").fetchall()


@pytest.mark.parametrize("name", ["airport_delays", "carrier_delays", "route_delays"])
def test_lookback_is_history_enough(project: Project, name: str) -> None:
    flights, feature = traffic(seed=7, days=7, each=60), project.features[name]
    width, lookback = len(feature.entity), feature.lookback
    assert lookback is not None
    day = datetime(2013, 3, 13, 5, tzinfo=UTC)
    recent = [each for each in flights if each.sched_dep >= day - lookback]

    def values(rows: list[tuple[object, ...]]) -> dict[tuple[object, ...], tuple[object, ...]]:
        """What holds at each quarter of an hour of the day, for each entity: the newest row up to then."""
        at: dict[tuple[object, ...], tuple[object, ...]] = {}
        for entity in {row[:width] for row in rows}:
            mine = [row for row in rows if row[:width] == entity]
            for step in range(96):
                moment = day + timedelta(minutes=15 * step)
                past = [row for row in mine if row[width] <= moment]  # type: ignore[operator]
                at[(*entity, moment)] = past[-1][width + 1:] if past else ()
        return at

    assert values(view(project, name, recent)) == values(view(project, name, flights))


def test_waiting_are_the_flights_that_are_due_and_have_not_left(project: Project) -> None:
    flights = traffic(seed=3, days=3, each=80)
    rows = [row for row in view(project, "airport_delays", flights) if row[0] == "JFK"]
    checked = 0
    for row, following in pairwise(rows):
        now = row[1]
        assert isinstance(now, datetime)
        assert following[1] > now  # type: ignore[operator]
        waiting = sum(each.origin == "JFK" and each.sched_dep <= now < each.sched_dep + timedelta(hours=6)
                      and (each.departed_at is None or each.departed_at > now) for each in flights)
        seen = row[-1]
        assert isinstance(seen, float)
        recent = sum(each.origin == "JFK" and any(
            edge is not None and now - timedelta(minutes=15) < edge <= now
            for edge in (each.sched_dep, each.departed_at, each.sched_dep + timedelta(hours=6))) for each in flights)
        assert abs(seen - waiting) <= recent  # a quarter of an hour is one row
        assert seen >= 0
        checked += 1
    assert checked > 100
