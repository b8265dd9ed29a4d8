"""How soon Slack is answered over its socket, idle and while fifty jobs run in fifty processes."""

import json
import os
import signal
import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[2]
NAPS = HERE / "tests" / "naps"
sys.path[:0] = [str(HERE), str(NAPS)]  # before ours: `nap` is a command that takes its time
os.environ["PYTHONPATH"] = os.pathsep.join([str(NAPS), str(HERE)])

import sitecustomize  # noqa: E402,F401 it makes `nap` known

from bots.local.workspace import LocalSlack  # noqa: E402
from bots.surface import Service, Settings  # noqa: E402
from mlops_tui import jobs  # noqa: E402
from mlops_tui.opening import open_project  # noqa: E402

JOBS, ASKED = 50, 300
GOALS = {"ack_p99_ms": 300}


def project(folder: Path) -> None:
    (folder / "mlops.yaml").write_text("project: bench\nslack: {channel: C01}\n", encoding="utf-8")
    (folder / "team.yaml").write_text("people:\n  ana: {slack: U01, roles: [engineer, oncall]}\n", encoding="utf-8")


def acks(slack: LocalSlack, count: int) -> list[float]:
    """Milliseconds from an envelope to its acknowledgement, as whoever typed waits for it."""
    taken = []
    for _ in range(count):
        seen = slack.slash("ana", "alert list")
        assert seen.ok, seen.error
        taken.append(seen.seconds * 1000)
    return sorted(taken)


def busy(slack: LocalSlack, service: Service) -> None:
    """Fifty jobs in fifty processes, begun from Slack."""
    for _ in range(JOBS):
        assert slack.slash("ana", "nap 600").ok
    table = jobs.rows(service.session)
    slack.until(lambda: sum(job.status == "running" for job in table.open()) == JOBS, 300)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, LocalSlack({"ana": "U01"}, {"ml": "C01"}) as slack:
        project(Path(name))
        settings = Settings(slack.bot_token, slack.app_token, slack.signing_secret, slack.url)
        service = Service(open_project(Path(name)), settings, "C01", lambda text: None)
        service.start()
        slack.until(lambda: slack.sockets, 30)
        idle = acks(slack, ASKED)
        busy(slack, service)
        loaded = acks(slack, ASKED)
        for job in jobs.rows(service.session).open():
            if job.pid is not None:
                os.killpg(job.pid, signal.SIGKILL)
        jobs.reap(service.session)
        slack.faults.drop_sockets()
        service.stop()
    print(json.dumps({"goals": GOALS, "jobs": JOBS, "asked": ASKED,
                      "ack_p50_ms_idle": round(statistics.median(idle), 1),
                      "ack_p50_ms": round(statistics.median(loaded), 1),
                      "ack_p99_ms": round(loaded[int(len(loaded) * 0.99) - 1], 1),
                      "ack_worst_ms": round(loaded[-1], 1)}, indent=2))


if __name__ == "__main__":
    main()
