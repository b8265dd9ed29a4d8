"""Whether every alert stands outside once, whatever fails on the way; and what a storm costs beside a route that hangs.

`python tests/bench/routes.py [RUNS]` prints JSON. The faults are those of tests/bots/routes/chaos.py.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mlops_tui.session import ReplayClock
from tests.bots.routes.chaos import PAGER, lived
from tests.bots.routes.conftest import Outside
from tests.bots.routes.doubles import PagerDuty
from tests.conftest import FILES, START

RUNS, STORM = 1000, 250


@contextmanager
def outside() -> Iterator[Outside]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        made = Outside(Path(folder), ReplayClock(START))
        try:
            yield made
        finally:
            for routes in made.at_work:
                routes.stop()
            made.ledger.close()


def chaos(runs: int) -> dict[str, object]:
    """Over so many lives, what stood outside twice, for nothing, or not at all."""
    total: Counter[str] = Counter()
    bad = []
    for seed in range(runs):
        with outside() as made, PagerDuty() as pager:
            made.declares("pager", PAGER.format(url=pager.url))
            verdict = lived(made, pager, seed)
        total.update({name: getattr(verdict, name) for name in ("twice", "left_open", "missing", "kills", "requests")})
        bad += [] if verdict.clean else [seed]
    return {"runs": runs, **total, "bad_seeds": bad}


def storm() -> dict[str, object]:
    """Alerts at once on a good route, and as many on one that loses every answer."""
    with outside() as made, PagerDuty() as pager, PagerDuty() as other:
        made.declares("pager", PAGER.format(url=pager.url))
        made.declares("other", PAGER.format(url=other.url))
        made.alerts_go_to("pager", ", escalate: [{after: 1m, to: other}]")
        other.faults = ["lost"] * 10_000
        for number in range(STORM):
            made.fires(f"AL-{number + 1}")
        made.passes(minutes=2)
        wall, cpu = time.perf_counter(), time.process_time()
        while len(pager.open) < STORM:
            made.turn(seconds=0)
        return {"alerts": STORM, "seconds": round(time.perf_counter() - wall, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2), "requests": len(pager.requests),
                "requests_to_the_one_that_hangs": len(other.requests)}


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    sys.stdout.write(json.dumps({"chaos": chaos(runs), "storm": storm()}) + "\n")
