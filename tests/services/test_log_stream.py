"""Predictions that come through a stream are the same log as those of files: joined, judged, and there once."""

import json
from datetime import timedelta
from pathlib import Path

from mlops_tui.commands import perform
from mlops_tui.logs.predictionlog import needed_log
from mlops_tui.models.matured import matured, window
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock
from tests.conftest import START
from tests.services.redis_server import redis_server

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: log
version: 1.0.0
status: active
schema:
  - name: log
    properties:
      - {{name: prediction_id, logicalType: string, required: true, primaryKey: true}}
      - {{name: sched_dep, logicalType: timestamp, required: true, logicalTypeOptions: {{timezone: true}}}}
      - {{name: version, logicalType: string}}
      - {{name: score, logicalType: number}}
      - {{name: status, logicalType: integer}}
      - {{name: distance, logicalType: integer}}
customProperties:
  - {{property: eventTime, value: sched_dep}}
  - {{property: partitionBy, value: day}}
  - {{property: predictionLog, value: {{id: request_id, time: ts, output: p, version: model_version, status: code}}}}
  - {{property: stream, value: {{redis: "{url}", stream: answers}}}}
"""


def test_a_stream_fills_the_log_under_its_own_names_and_files_add_to_it(project: Path, tmp_path: Path,
                                                                        clock: ReplayClock) -> None:
    events = [{"request_id": f"r{n}", "ts": (START - timedelta(hours=30, minutes=n)).isoformat(), "p": n / 20,
               "model_version": "7", "code": 500 if n == 3 else 200, "distance": n} for n in range(20)]
    with redis_server(tmp_path / "redis") as server:
        (project / "datasets/flights-delay.predictions.yaml").write_text(CONTRACT.format(url=server.url))
        session = open_project(project, person="ana", clock=clock, source="terminal")
        with server.client() as client:
            for each in [*events, events[5]]:
                client.xadd("answers", {"event": json.dumps(each)})
        outcome = perform(session, ("stream", "run", "flights-delay.predictions", "--once"))
        assert outcome.exit == 0, outcome.view
        assert outcome.view.facts()["taken"] == 20
    path = tmp_path / "more.jsonl"
    path.write_text("\n".join(json.dumps({**each, "request_id": name}) for each, name in (
        (events[4], "r4"), (events[6], "later"))))
    added = perform(session, ("log", "add", "flights-delay", str(path))).view.facts()
    assert (added["taken"], added["known"], added["log"]) == (1, 1, 21)
    (tmp_path / "l.csv").write_text("request_id,outcome\nr1,1\nr2,0\nlater,1\n")
    assert perform(session, ("log", "label", "flights-delay", str(tmp_path / "l.csv"))).exit == 0
    seen = matured(session, "flights-delay", window(session.now(), timedelta(days=3)))
    assert (seen.total, sorted(zip(seen.score.tolist(), seen.label.tolist(), strict=True))) == (
        20, [(0.05, 1), (0.1, 0), (0.3, 1)])
    log = needed_log(session, "flights-delay")
    assert (log.key, log.missing) == (("prediction_id",), ("latency_ms", "caller", "endpoint"))
    assert log.features == ("distance",)
