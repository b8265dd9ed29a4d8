"""Predictions from a server's files: every known shape, every row once, and nothing lost that could not be read."""

import base64
import csv
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.commands import perform
from mlops_tui.data._logshapes import DATABRICKS, KSERVE, OIP, PLAIN, SAGEMAKER
from mlops_tui.logs.predictionlog import log_of
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, View
from tests.conftest import START

NOON = datetime(2013, 9, 13, 16, tzinfo=UTC)
MS = int(NOON.timestamp() * 1000)
LOG = "flights-delay.predictions"


def opened(project: Path) -> Session:
    """Ana at a terminal."""
    return open_project(project, person="ana", clock=ReplayClock(START), source="terminal")


@pytest.fixture
def ana(project: Path) -> Session:
    return opened(project)


def done(session: Session, *argv: str) -> View:
    outcome = perform(session, argv)
    assert outcome.exit == 0, outcome.view
    return outcome.view


def refused(session: Session, *argv: str) -> View:
    outcome = perform(session, argv)
    assert outcome.exit == 2, outcome.view
    return outcome.view


def lines(path: Path, documents: Iterable[Any]) -> str:
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in documents),
                    encoding="utf-8")
    return str(path)


def logged(session: Session, columns: str = "*", where: str = "") -> list[tuple[Any, ...]]:
    lake = session.data()
    return lake.connect().execute(f"SELECT {columns} FROM {lake.scan(session.snapshot(LOG))} {where} ORDER BY ALL"
                                  ).fetchall()


def plain(number: int, **more: object) -> dict[str, object]:
    return {"request_id": f"r{number}", "ts": MS + number, "score": number / 10, "model_version": "7", "ms": 3.5,
            "code": 200, "client": "web", "distance": 100 + number, "origin": "JFK", **more}


# -- what cannot be read ----------------------------------------------------------------------------------------


HOSTILE = [
    "{\"request_id\": \"a\", ",
    "[1, 2]",
    "{" * 5000,
    "[" * 100_000,
    json.dumps({"request_id": "inf", "ts": MS, "score": 0.5})[:-1] + ", \"x\": Infinity}",
    "{\"request_id\": \"n\", \"ts\": " + "9" * 1_000_000 + ", \"score\": 0.5}",
    "{\"request_id\": \"half \\ud800\", \"ts\": 1379088000, \"score\": 0.5}",
    "{\"request_id\": \"e\", \"ts\": 1e999, \"score\": 0.5}",
    json.dumps(plain(0, request_id="two", Origin="LGA")),
    json.dumps(plain(0, request_id=None)),
    json.dumps(plain(0, request_id="no time", ts=None)),
    json.dumps(plain(0, request_id="odd time", ts="yesterday")),
    json.dumps(plain(0, request_id="1970", ts=1379.0)),
    json.dumps(plain(0, request_id="2150", ts="2150-01-01T00:00:00Z")),
    json.dumps(plain(0, request_id="no answer", score=None)),
    json.dumps(plain(0, request_id="no number", score="high")),
    json.dumps(plain(0, request_id="no probability", score=37)),
    json.dumps(plain(0, request_id="status", code="fine")),
    json.dumps(plain(0, request_id="below", ms=-1)),
]


def test_each_line_that_is_no_prediction_is_set_aside_with_its_reason_and_the_others_are_logged(
        ana: Session, tmp_path: Path) -> None:
    path = tmp_path / "hostile.jsonl"
    lines(path, [plain(1), *HOSTILE, plain(2)])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    view = done(ana, "log", "add", "flights-delay", str(path))
    assert view.status is Status.WARN
    facts = view.facts()
    assert (facts["taken"], facts["aside"]) == (2, len(HOSTILE) + 1)
    assert [row[0] for row in logged(ana, "prediction_id")] == ["r1", "r2"]
    aside = done(ana, "log", "aside", "flights-delay", "--limit", "99").table("aside").rows
    assert [row["line"] for row in aside] == [*list(range(2, len(HOSTILE) + 2)), len(HOSTILE) + 3]
    said = [str(row["reason"]) for row in aside]
    for place, word in ((0, "no JSON"), (1, "no JSON object"), (2, "no JSON"), (3, "nested too deep"), (4, "Infinity"),
                        (5, "too large"), (6, "half a character"), (7, "too large"), (8, "one column"), (9, "no id"),
                        (10, "no time"), (11, "'yesterday'"), (12, "1970"), (13, "2150"), (14, "no answer"),
                        (15, "'high', which is no number"), (16, "no probability"), (17, "'fine'"), (18, "latency"),
                        (19, "no UTF-8")):
        assert word in said[place], (place, said[place])


def test_names_of_all_kinds_are_columns_like_others(ana: Session, tmp_path: Path) -> None:
    names = {'"; DROP TABLE x --': 1, "[red]x[/red]": 2, "a\nb": 3, "": 4, "select": 5, "имя": 6, "#file": 7}
    done(ana, "log", "add", "flights-delay", lines(tmp_path / "n.jsonl", [plain(1, **names)]))
    found = ana.snapshot(LOG)
    assert {*names} - {"", "#file"} <= set(found.columns)
    assert logged(ana, '"имя", "a\nb"') == [(6, 3)]


@pytest.mark.parametrize(("name", "content"), [
    ("cut.jsonl.gz", gzip.compress(json.dumps(plain(1)).encode() * 50)[:-20]), ("empty.jsonl", b""),
    ("no.parquet", b"PAR1 and no more"), ("no.txt", b"x"), ("no.csv", b"\xff\xfe\x00")])
def test_a_file_that_is_none_is_refused_whole(ana: Session, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(ana, "log", "add", "flights-delay", str(tmp_path / name))
    assert ana.current(LOG) is None


def test_nothing_set_aside_is_no_error_and_nothing_added_is_not_asked_how_well_it_does(
        ana: Session, tmp_path: Path) -> None:
    assert refused(ana, "log", "aside", "flights-delay"), "there is no log"
    bad = done(ana, "log", "add", "flights-delay", lines(tmp_path / "bad.jsonl", [plain(0, ts=None)]))
    assert [step.argv for step in bad.actions] == [("log", "aside", "flights-delay")]


def test_a_log_of_good_lines_alone_has_nothing_aside(ana: Session, tmp_path: Path) -> None:
    good = done(ana, "log", "add", "flights-delay", lines(tmp_path / "good.jsonl", [plain(1)]))
    assert [step.argv[0] for step in good.actions] == ["performance", "log"]
    view = done(ana, "log", "aside", "flights-delay")
    assert (view.title, view.status) == ("Nothing of the log of flights-delay was set aside", Status.PASS)


def test_a_column_called_id_is_the_id(project: Path, tmp_path: Path) -> None:
    row = {"id": "a", "ts": MS, "score": 0.5}
    (project / "datasets/flights.yaml").write_text((project / "datasets/flights.yaml").read_text()
                                                   .replace("name: id,", "name: flight,").replace("[id]", "[flight]"))
    ana = opened(project)
    for fresh in (1, 0):
        view = done(ana, "log", "add", "flights-delay", lines(tmp_path / "id.jsonl", [row]))
        assert view.facts()["taken"] == fresh
    assert logged(ana, "prediction_id") == [("a",)]


def test_days_whose_files_have_fewer_columns_are_read_as_if_they_had_them_all(ana: Session, tmp_path: Path) -> None:
    early = {"request_id": "early", "ts": MS - 5 * 86_400_000, "score": 0.5}
    done(ana, "log", "add", "flights-delay", lines(tmp_path / "early.jsonl", [early]))
    done(ana, "log", "add", "flights-delay", lines(tmp_path / "late.jsonl", [plain(1)]))
    log = log_of(ana, "flights-delay")
    assert log is not None
    part = log.within((NOON - timedelta(days=6), NOON - timedelta(days=4)), ana).manifest
    lake = ana.data()
    assert lake.connect().execute(f"SELECT prediction_id, status, distance FROM {lake.scan(part)}").fetchall() == [
        ("early", None, None)]


def test_wrong_words_get_the_nearest_right_ones(ana: Session, tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", [plain(1)])
    for argv, word in (((path, "--map", "idd=request_id"), "id"), ((path, "--map", "id=requst_id"), "request_id"),
                       ((path, "--map", "id"), "--map id=request_id")):
        assert word in str(refused(ana, "log", "add", "flights-delay", *argv).facts()["next"])
    nothing = lines(tmp_path / "q.jsonl", [{"a": 1}])
    assert "--map time=COLUMN" in str(refused(ana, "log", "add", "flights-delay", nothing).facts()["next"])


def test_lines_of_a_csv_file_with_other_fields_are_set_aside(ana: Session, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("request_id,ts,score\nr1,2013-09-13 12:00,0.5\nr2,2013-09-13 12:00\n"
                                    "r3,2013-09-13 12:00,0.25,9\nr4,2013-09-13T16:00:00Z,0.75\n", encoding="utf-8")
    facts = done(ana, "log", "add", "flights-delay", str(tmp_path / "p.csv")).facts()
    assert (facts["taken"], facts["aside"]) == (2, 2)
    assert logged(ana, "prediction_id, epoch_ms(sched_dep), score") == [("r1", MS, 0.5), ("r4", MS, 0.75)]


# -- once, whatever happens -------------------------------------------------------------------------------------


def test_what_comes_twice_is_there_once_and_what_was_logged_first_stays(ana: Session, tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", [plain(each) for each in range(5)] + [plain(3)])
    first = done(ana, "log", "add", "flights-delay", path).facts()
    assert (first["taken"], first["twice"]) == (5, 1)
    before = ana.snapshot(LOG).id
    again = done(ana, "log", "add", "flights-delay", path).facts()
    assert (again["taken"], again["known"], again["other"]) == (0, 5, 0)
    assert ana.snapshot(LOG).id == before
    other = lines(tmp_path / "q.jsonl", [plain(3, score=0.9), plain(9)])
    more = done(ana, "log", "add", "flights-delay", other).facts()
    assert (more["taken"], more["known"], more["other"], more["log"]) == (1, 1, 1, 6)
    assert logged(ana, "score", "WHERE prediction_id = 'r3'") == [(0.3,)]


def test_rows_without_an_id_are_once_by_all_that_they_say(ana: Session, tmp_path: Path) -> None:
    rows = [{"ts": MS, "score": 0.5}, {"ts": MS, "score": 0.5}, {"ts": MS + 1, "score": 0.5}]
    path = lines(tmp_path / "p.jsonl", rows)
    assert done(ana, "log", "add", "flights-delay", path).facts()["taken"] == 3, "two answers to one question are two"
    assert done(ana, "log", "add", "flights-delay", path).facts()["taken"] == 0


def test_killed_half_way_and_added_again_every_prediction_is_there_once(
        ana: Session, project: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", [plain(each, score=0.5) for each in range(20_000)])
    code = ("import sys; from mlops_tui.commands import perform; from mlops_tui.opening import open_project; "
            "from datetime import datetime, UTC; from mlops_tui.session import ReplayClock; from pathlib import Path; "
            "print('begun', flush=True); "
            "perform(open_project(Path(sys.argv[1]), person='ana', clock=ReplayClock(datetime(2013, 9, 14, 10, "
            "tzinfo=UTC)), source='terminal'), ['log', 'add', 'flights-delay', sys.argv[2]])")
    with subprocess.Popen([sys.executable, "-c", code, str(project), path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.3)
        child.kill()
    done(ana, "log", "add", "flights-delay", path)
    assert logged(ana, "count(*), count(DISTINCT prediction_id)") == [(20_000, 20_000)]


# -- shapes -----------------------------------------------------------------------------------------------------


def test_plain_columns_are_read_by_their_usual_names_and_the_rest_are_features(ana: Session, tmp_path: Path) -> None:
    view = done(ana, "log", "add", "flights-delay", lines(tmp_path / "p.jsonl", [plain(4)]), "--map", "latency=ms")
    assert view.facts()["recognised"] == PLAIN
    found = dict(zip(ana.snapshot(LOG).columns, logged(ana)[0], strict=True))
    assert found == {"sched_dep": datetime.fromtimestamp((MS + 4) / 1000, UTC), "day": "2013-09-13", "version": "7",
                     "score": 0.4, "prediction_id": "r4", "latency_ms": 3.5, "status": 200, "caller": "web",
                     "distance": 104, "origin": "JFK"}


@pytest.mark.parametrize("moment", [MS / 1000, MS, MS * 1000, MS * 1_000_000, str(MS), "2013-09-13T16:00:00Z",
                                    "2013-09-13T12:00:00-04:00", "2013-09-13 12:00:00", "2013-09-13T18:00+02"])
def test_a_time_is_understood_as_seconds_or_finer_with_a_zone_or_in_the_projects(
        ana: Session, tmp_path: Path, moment: object) -> None:
    done(ana, "log", "add", "flights-delay", lines(tmp_path / "p.jsonl", [plain(0, ts=moment)]))
    assert logged(ana, "sched_dep, day") == [(NOON, "2013-09-13")]


def _event(id: str, kind: str, data: Any, **more: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "http://localhost:9081/", "time": "2013-09-13T16:00:00Z",
            "type": f"org.kubeflow.serving.inference.{kind}", "inferenceservicename": "delays", "namespace": "prod",
            "endpoint": "default", "datacontenttype": "application/json", "data": data, **more}


def test_kserve_events_are_paired_by_id_over_files_and_batches_are_unrolled(ana: Session, tmp_path: Path) -> None:
    asked = lines(tmp_path / "asked.jsonl", [
        _event("a", "request", {"instances": [{"x": 1.5, "who": {"age": 40}}, {"x": 2.5, "who": {"age": 50}}]}),
        _event("b", "request", {"instances": [{"x": 3.5, "who": {"age": 60}}]}),
        _event("alone", "request", {"instances": [{"x": 0}]}), _event("odd", "other", {})])
    said = [_event("b", "response", {"predictions": [[0.4, 0.6]]}),
            {"headers": {"Ce-Id": ["a"], "Ce-Type": ["org.kubeflow.serving.inference.response"]},
             "data": json.dumps({"predictions": [0.1, 0.2], "model_version": "3"})}]
    view = done(ana, "log", "add", "flights-delay", asked, lines(tmp_path / "said.jsonl", said))
    assert (view.facts()["recognised"], view.facts()["taken"], view.facts()["aside"]) == (KSERVE, 3, 2)
    assert logged(ana, 'prediction_id, score, version, x, "who.age", endpoint') == [
        ("a/0", 0.1, "3", 1.5, 40, "default"), ("a/1", 0.2, "3", 2.5, 50, "default"),
        ("b", 0.6, "unknown", 3.5, 60, "default")]


def test_sagemaker_capture_is_read_in_each_of_its_encodings(ana: Session, tmp_path: Path, project: Path) -> None:
    (project / "models/flights-delay.yaml").write_text(
        (project / "models/flights-delay.yaml").read_text().replace("columns: [day]", "columns: [distance, origin]"))

    def part(data: str, encoding: str, kind: str) -> dict[str, str]:
        return {"observedContentType": kind, "mode": "INPUT", "encoding": encoding,
                "data": base64.b64encode(data.encode()).decode() if encoding == "BASE64" else data}

    def captured(id: str, asked: dict[str, str], said: dict[str, str]) -> dict[str, Any]:
        return {"captureData": {"endpointInput": asked, "endpointOutput": said}, "eventVersion": "0",
                "eventMetadata": {"eventId": id, "inferenceTime": "2013-09-13T16:00:00Z"}}

    rows = [captured("csv", part("100,JFK\n200,", "CSV", "text/csv"), part("0.5\n0.25", "CSV", "text/csv")),
            captured("json", part(json.dumps({"instances": [[300, "LGA"]]}), "JSON", "application/json"),
                     part(json.dumps({"predictions": [{"score": 0.75}]}), "JSON", "application/json")),
            captured("b64", part("400,EWR", "BASE64", "text/csv; charset=utf-8"), part("0.125", "BASE64", "text/csv")),
            captured("none", part("%%", "BASE64", "text/csv") | {"data": "%%"}, part("1", "CSV", "text/csv")),
            captured("three", part("1,2,3", "CSV", "text/csv"), part("1", "CSV", "text/csv"))]
    view = done(opened(project), "log", "add", "flights-delay", lines(tmp_path / "c.jsonl", rows))
    assert (view.facts()["recognised"], view.facts()["taken"], view.facts()["aside"]) == (SAGEMAKER, 4, 2)
    assert logged(ana, "prediction_id, distance, origin, score") == [
        ("b64", 400, "EWR", 0.125), ("csv/0", 100, "JFK", 0.5), ("csv/1", 200, None, 0.25), ("json", 300, "LGA", 0.75)]


INFERENCE = {"client_request_id": None, "status_code": 200, "execution_time_ms": 12, "sampling_fraction": 1.0}


def _inference(id: str, request: Any, response: Any, **more: object) -> dict[str, Any]:
    return {"databricks_request_id": id, **INFERENCE, "timestamp_ms": MS, "request": json.dumps(request),
            "response": json.dumps(response), "request_metadata": {"model_name": "d", "model_version": "4",
                                                                   "endpoint_name": "delays"}, **more}


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_an_mlflow_inference_table_is_read_from_any_form_of_file(ana: Session, tmp_path: Path, ending: str) -> None:
    rows = [_inference("a", {"dataframe_split": {"columns": ["x", "y"], "data": [[1, 2.5], [3, 4.5]]}},
                       {"predictions": [0.1, 0.9]}),
            _inference("b", {"dataframe_records": [{"x": 5, "y": None}]}, {"predictions": [0.3]}),
            _inference("c", {"inputs": {"x": [7], "y": [8.5]}}, {"predictions": [0.4]}),
            _inference("failed", {"dataframe_records": [{"x": 6, "y": 1.5}]}, {"error": "no"}, status_code=500),
            _inference("fewer", {"dataframe_records": [{"x": 6}, {"x": 7}]}, {"predictions": [0.3]})]
    path = tmp_path / f"t.{ending}"
    if ending == "jsonl":
        lines(path, rows)
    elif ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows([{**row, "request_metadata": json.dumps(row["request_metadata"])} for row in rows])
    view = done(ana, "log", "add", "flights-delay", str(path))
    assert (view.facts()["recognised"], view.facts()["taken"], view.facts()["aside"]) == (DATABRICKS, 5, 1)
    assert logged(ana, "prediction_id, x, y, score, status, version, latency_ms, endpoint") == [
        ("a/0", 1, 2.5, 0.1, 200, "4", 12.0, "delays"), ("a/1", 3, 4.5, 0.9, 200, "4", 12.0, "delays"),
        ("b", 5, None, 0.3, 200, "4", 12.0, "delays"), ("c", 7, 8.5, 0.4, 200, "4", 12.0, "delays"),
        ("failed", 6, 1.5, None, 500, "4", 12.0, "delays")]


def _tensor(name: str, shape: list[int], data: Any, kind: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def test_open_inference_tensors_are_unrolled_by_their_shape(ana: Session, tmp_path: Path) -> None:
    def both(id: str, asked: list[Any], said: list[Any]) -> dict[str, Any]:
        return {"timestamp": MS, "request": {"id": id, "inputs": asked},
                "response": {"id": id, "model_name": "delays", "model_version": "5", "outputs": said}}

    rows = [both("named", [_tensor("x", [2, 1], [1.5, 2.5]), _tensor("o", [2], ["JFK", "LGA"], "BYTES")],
                 [_tensor("p", [2, 2], [[0.9, 0.1], [0.8, 0.2]])]),
            both("short", [_tensor("x", [3, 1], [1, 2])], [_tensor("p", [3], [0, 0, 0])]),
            both("huge", [_tensor("x", [10**12, 10**12], [1])], [_tensor("p", [1], [0])]),
            both("minus", [_tensor("x", [-1], [1])], [_tensor("p", [1], [0])]),
            both("binary", [{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}],
                 [_tensor("p", [1], [0])])]
    view = done(ana, "log", "add", "flights-delay", lines(tmp_path / "o.jsonl", rows))
    assert (view.facts()["recognised"], view.facts()["taken"], view.facts()["aside"]) == (OIP, 2, 4)
    assert logged(ana, "prediction_id, x, o, score, version") == [("named/0", 1.5, "JFK", 0.1, "5"),
                                                                 ("named/1", 2.5, "LGA", 0.2, "5")]


def test_features_keep_the_type_that_they_had_and_codes_stay_codes(ana: Session, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("request_id,ts,score,n,code_,share\nr1,1379088000,0.5,7,007,1.5\n")
    done(ana, "log", "add", "flights-delay", str(tmp_path / "p.csv"))
    assert {name: ana.snapshot(LOG).columns[name] for name in ("n", "code_", "share")} == {
        "n": "BIGINT", "code_": "VARCHAR", "share": "DOUBLE"}
    (tmp_path / "q.csv").write_text("request_id,ts,score,n,code_,share\nr2,1379088000,0.5,many,8,2\n")
    view = done(ana, "log", "add", "flights-delay", str(tmp_path / "q.csv"))
    assert view.facts()["aside"] == 1
    assert "its n is 'many', which is no bigint" in str(perform(ana, ["log", "aside", "flights-delay"]).view)
