"""How many calls of Slack's a storm of five hundred alerts in one group costs, and whether its card is right."""

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parents[2]
sys.path.insert(0, str(HERE))

from bots import cards  # noqa: E402
from bots.local.workspace import LocalSlack  # noqa: E402
from bots.surface import Service, Settings  # noqa: E402
from mlops_tui.opening import open_project  # noqa: E402
from store.facts import AlertEvent  # noqa: E402
from tests.bench.ack import project  # noqa: E402

STORM, SECONDS = 500, 30.0
GOALS = {"calls": 25}


def fired(number: int) -> AlertEvent:
    return AlertEvent(subject=f"AL-{number}", event="fired", monitor=f"m{number}", about="flights-delay", check="drift",
                      severity="high", title=f"column {number} moved")


def right(slack: LocalSlack, service: Service) -> bool:
    """One card, that says what the history says, with the last alert told in its thread."""
    [wanted] = cards.wanted(service.session, {})
    found = [card for card in slack.messages() if "card/" in str(card["metadata"])]
    return (len(found) == 1 and found[0]["text"] == service.board._message(wanted)["text"]
            and f"AL-{STORM} fired" in slack.text())


def main() -> None:
    with tempfile.TemporaryDirectory() as name, LocalSlack({"ana": "U01"}, {"ml": "C01"}) as slack:
        project(Path(name))
        settings = Settings(slack.bot_token, slack.app_token, slack.signing_secret, slack.url)
        service = Service(open_project(Path(name)), settings, "C01", lambda text: None)
        service.start()
        slack.until(lambda: slack.sockets, 30)
        before, began = len(slack.calls), time.monotonic()
        for number in range(1, STORM + 1):
            service.session.ledger.append(fired(number))
            time.sleep(max(0.0, began + SECONDS * number / STORM - time.monotonic()))
        fell = time.monotonic()
        slack.until(lambda: f"AL-{STORM} fired" in slack.text() and not service.board.behind, 120)
        slack.settle(5.0, 60)
        calls = Counter(each.method for each in slack.calls[before:])
        correct, last = right(slack, service), time.monotonic() - fell - 5.0
        slack.faults.drop_sockets()
        service.stop()
    print(json.dumps({"goals": GOALS, "alerts": STORM, "seconds": SECONDS, "calls": sum(calls.values()),
                      "by_method": dict(calls), "card_right": correct, "told_after_s": round(last, 1)}, indent=2))


if __name__ == "__main__":
    main()
