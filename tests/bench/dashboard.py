"""CPU and memory of the dashboard to its first picture and to its data; from a key to its picture over a long history;
what a change of screens costs, and how long quitting takes.

HARLEQUIN, POSTING: a Python that has the peer, whose first picture is then measured in the same turns.
"""

import fcntl
import json
import os
import pty
import resource
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from mlops_tui.tui.cache import path_of

RUNS = 9
GOALS = {"first_picture_ratio": 1.5, "data_more_cpu_seconds": 1.0, "megabytes": 110, "key_to_picture_ms": 25,
         "key_to_picture_p95_ms": 60, "quit_more_ms": 100, "switch_cpu_ms": 100}
LEAST = {"harlequin_times": 2.0, "posting_times": 2.0}  # of their CPU seconds to ours
ENTRIES, KEYS = 1_000_000, 200
HERE = Path(__file__).parents[2]

STOP = """
import os
from textual.drivers.linux_driver import LinuxDriver
write = LinuxDriver.write
def stop(self, data):
    write(self, data)
    if {word!r} in data:
        os._exit(0)
LinuxDriver.write = stop
"""
BARE = """
from textual.app import App
from textual.widgets import Footer, Static
class Bare(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self):
        yield Static("hello world")
        yield Footer()
Bare().run()
"""
OURS = """
from mlops_tui.cli import main
main(["--project", {folder!r}])
"""
SCRIPTS = {"bare": (BARE, "hello world"), "first picture": (OURS, "INC-1"), "data": (OURS, "INC-1")}
PEERS = {name: (os.environ[name.upper()], script, word) for name, script, word in (
    ("harlequin", "import sys\nsys.argv = ['harlequin', ':memory:']\nfrom harlequin.cli import harlequin\nharlequin()",
     "Run Query"),
    ("posting", "import sys\nsys.argv = ['posting']\nfrom posting.__main__ import cli\ncli()", "Response"),
) if name.upper() in os.environ}
MODEL = """\
task: binary
label: {dataset: flights, column: late}
features: []
candidates: {logistic: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: sched_dep}
"""


def project(folder: Path) -> None:
    """A project of six models with a season of findings, an incident, and three schedules."""
    from mlops_tui.opening import open_project  # in a child: a fork of a large process counts as large
    from mlops_tui.session import ReplayClock
    from store.facts import Finding, IncidentEvent, Promotion, Trained

    (folder / "mlops.yaml").write_text("project: flights\ntimezone: America/New_York\nclock: replay\n")
    for kind in ("models", "monitors"):
        (folder / kind).mkdir()
    for number in range(6):
        (folder / "models" / f"model-{number}.yaml").write_text(MODEL)
    for check in ("drift", "performance", "calibration"):
        text = f"check: {check}\nsubject: model-0\nevery: 0 6 * * *\n"
        (folder / "monitors" / f"{check}.yaml").write_text(text)
    clock = ReplayClock(datetime(2013, 6, 1, tzinfo=UTC))
    ledger = open_project(folder, clock=clock).ledger
    for number in range(6):
        name = f"model-{number}"
        ledger.append(
            Trained(subject=name, version="1", candidate="c", key="k", run_id="r", artifact="a", training="t",
                    declaration="d", seed=1, window=("", ""), metrics={}),
            Promotion(subject=name, version="1", previous="", approval="AP-1", evidence=""))
    for day in range(150):
        clock.advance(clock.moment + timedelta(days=1))
        ledger.append(*(Finding(check=check, subject=f"model-{number}", status="pass", title="all is well",
                                detail={"predicted": 0.25 - day / 2000, "seen": 0.25 - day / 1500})
                        for number in range(6) for check in ("drift", "performance", "calibration")))
    ledger.append(IncidentEvent(subject="INC-1", event="opened", title="it predicts too much", severity="high"))


APPENDS = """
import sys, time
from pathlib import Path
from mlops_tui.opening import open_project
from store.facts import Note
ledger = open_project(Path(sys.argv[1])).ledger
while True:
    ledger.append(Note(subject="replay", text="another"))
    time.sleep(0.1)
"""


def lengthen(folder: Path) -> None:
    """Make the history as long as it is measured with: its chain is kept."""
    from store.facts import Command, body_of
    from store.ledger import Ledger, entry_hash, stamp

    ledger = Ledger(f"sqlite:///{folder}/.mlops/ledger.db", lambda: datetime.now(UTC), "ana")
    prev, first, at = ledger.head(), ledger.head_seq() + 1, datetime(2013, 11, 1, tzinfo=UTC)
    with ledger.locked() as connection:
        for seq in range(first, ENTRIES + 1):
            fact = Command(subject="ingest", argv=("ingest", "flights", "--file", f"{seq}.parquet"), shape="measure",
                           phase="outcome", status="done", source="timetable")
            at += timedelta(minutes=1)
            body = json.dumps(body_of(fact), sort_keys=True)
            values = (seq, fact.kind, fact.subject, stamp(at), stamp(at), "timetable", body, prev)
            prev = entry_hash(*values)
            connection.exec_driver_sql("INSERT INTO entry (seq, kind, subject, effective_at, recorded_at, actor, body, "
                                       "prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, prev))


def started(script: str) -> tuple[subprocess.Popen[bytes], int]:
    """A program in a terminal of 120 × 40, and our end of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {**os.environ, "PYTHONPATH": str(HERE), "TERM": "xterm-256color"}
    child = subprocess.Popen([sys.executable, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
                             start_new_session=True)
    os.close(theirs)
    return child, ours


def quits(script: str, word: str) -> float:
    """Milliseconds from `q` to the end of the process, of a program that has been at rest for two seconds."""
    child, ours = started(script)
    try:
        until(ours, word.encode())
        rest(ours, 2)
        began = time.perf_counter()
        os.write(ours, b"q")
        while child.poll() is None:
            with suppress(OSError):  # it has gone meanwhile
                rest(ours, 0.002)
            if time.perf_counter() - began > 30:
                raise SystemExit("it never quits")
        return (time.perf_counter() - began) * 1000
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def switches(folder: Path) -> dict[str, float]:
    """CPU milliseconds that going to each mode takes, with its list and its first detail, when it was seen before."""
    child, ours = started(OURS.replace("{folder!r}", repr(str(folder))))
    try:
        until(ours, b"INC-1")
        rest(ours, 2)
        taken: dict[str, list[float]] = {}
        for turn in range(4):
            for digit in "23456781":
                before = cpu_of(child.pid)
                os.write(ours, digit.encode())
                rest(ours, 1.2)
                if turn:  # the first time, screens are made
                    taken.setdefault(digit, []).append((cpu_of(child.pid) - before) * 1000)
        before = cpu_of(child.pid)
        rest(ours, 6)
        idle = (cpu_of(child.pid) - before) / 6 * 1.2 * 1000
        return {digit: round(max(statistics.median(runs) - idle, 0), 1) for digit, runs in taken.items()}
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has taken."""
    words = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def keys(folder: Path) -> tuple[list[float], float]:
    """Milliseconds from a key to the picture of the cursor's new row, in Activity, while another process appends."""
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    other = subprocess.Popen([sys.executable, "-c", APPENDS, str(folder)], env=env)
    child, ours = started(OURS.replace("{folder!r}", repr(str(folder))))
    try:
        until(ours, b"INC-1")
        rest(ours, 3)
        os.write(ours, b"8")
        until(ours, b"Activity (")
        rest(ours, 2)
        taken = []
        for number in range(KEYS):
            began = time.perf_counter()
            os.write(ours, b"\x1b[6~" if number % 10 == 9 else b"j")  # every tenth turns a page
            until(ours, "▌".encode())
            taken.append((time.perf_counter() - began) * 1000)
            rest(ours, 0.05)
        return taken, size_of(child.pid)
    finally:
        for process in (other, child):
            process.kill()
            process.wait()
        os.close(ours)


def size_of(pid: int) -> float:
    """Resident megabytes of a process."""
    return int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) * resource.getpagesize() / 1024 ** 2


def until(terminal: int, word: bytes) -> None:
    """Read what is drawn until it holds the word."""
    seen, end = b"", time.monotonic() + 60
    while word not in seen:
        if time.monotonic() > end:
            raise SystemExit(f"never drawn: {word!r}")
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)


def rest(terminal: int, seconds: float) -> None:
    """Read on for so long."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


def measure(script: str, python: str = sys.executable) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a child in a terminal of 120 × 40, from its start until it has drawn a word."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(HERE) if python == sys.executable else ""}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, like the one beside it
    with subprocess.Popen([python, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
                          start_new_session=True) as child:
        os.close(theirs)
        Thread(target=drain, args=(ours,), daemon=True).start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"a child ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, megabytes(used)


def megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1024 if sys.platform.startswith("linux") else 1024 ** 2)


def drain(terminal: int) -> None:
    """Read what is drawn, as a terminal would."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        os.close(terminal)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, folder], check=True, env={**os.environ, "PYTHONPATH": str(HERE)})
        shown = {name: (sys.executable, *each) for name, each in SCRIPTS.items()} | PEERS
        scripts = {name: (STOP.format(word=word) + script.replace("{folder!r}", repr(folder)), python)
                   for name, (python, script, word) in shown.items()}
        last = path_of(Path(folder), "")
        for each in scripts.values():
            measure(*each)  # warms the caches
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in scripts}
        for _ in range(RUNS):  # in turn, so that a busy machine is unfair to all alike
            last.unlink()      # without a picture of last time, the word comes with the data
            for name in ("data", "bare", "first picture", *PEERS):
                taken[name].append(measure(*scripts[name]))
        ours = OURS.replace("{folder!r}", repr(folder))
        left = [(quits(BARE, "hello world"), quits(ours, "INC-1")) for _ in range(5)]
        switched = switches(Path(folder))
        subprocess.run([sys.executable, __file__, folder, "long"], check=True,
                       env={**os.environ, "PYTHONPATH": str(HERE)})
        waited, long_size = keys(Path(folder))
    cpu = {name: statistics.median(seconds for seconds, _ in runs) for name, runs in taken.items()}
    memory = {name: max(size for _, size in runs) for name, runs in taken.items()}
    bare, mine = (statistics.median(each) for each in zip(*left, strict=True))
    found = {"first_picture_ratio": round(cpu["first picture"] / cpu["bare"], 2),
             "data_more_cpu_seconds": round(cpu["data"] - cpu["first picture"], 3),
             "megabytes": round(memory["data"], 1), "key_to_picture_ms": round(statistics.median(waited), 1),
             "key_to_picture_p95_ms": round(statistics.quantiles(waited, n=20)[-1], 1),
             "quit_more_ms": round(mine - bare), "switch_cpu_ms": max(switched.values())}
    beaten = {f"{name}_times": round(cpu[name] / cpu["first picture"], 2) for name in PEERS}
    print(json.dumps({
        "what": "dashboard", "unit": "CPU seconds, median; peak megabytes", "runs": RUNS,
        "python": sys.version.split()[0], "cpu_seconds": {name: round(value, 3) for name, value in cpu.items()},
        "peak_megabytes": {name: round(value, 1) for name, value in memory.items()}, **found, **beaten,
        "quit_ms": {"bare": round(bare), "ours": round(mine)}, "switch_cpu_ms_by_mode": switched, "entries": ENTRIES,
        "megabytes_then": round(long_size, 1), "goals": GOALS,
        "met": {**{name: found[name] <= goal for name, goal in GOALS.items()},
                **{name: times >= LEAST[name] for name, times in beaten.items()}},
        "peers": "all" if len(PEERS) == len(LEAST) else "name their Pythons in HARLEQUIN and POSTING"}, indent=2))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:  # in a child, so that the projects that are made do not count
        (lengthen if sys.argv[2:] else project)(Path(sys.argv[1]))
