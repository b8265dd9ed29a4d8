"""What is kept from somebody is kept from him in Slack; whom team.yaml does not name gets nothing."""

import pytest

from tests.bots.desk import CHANNEL, Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
POLICY = """\
rules:
  - {effect: allow, who: [engineer, oncall], actions: ["*"], resources: [dataset/*]}
  - {effect: allow, who: [viewer], actions: [read], resources: [dataset/flights]}
  - {effect: deny, who: [viewer], actions: [read], resources: [dataset/flights/column/day]}
"""


def asked(desk: Desk, person: str, *argv: str) -> str:
    """What Slack is told where that person types the words."""
    desk.inbox.put(f"{person} {' '.join(argv)}", "command", person, {
        "channel": CHANNEL, "thread": "", "answer": "", "replaces": False, "argv": list(argv)})
    for each in desk.inbox.waiting():
        desk.worker.deal(each)
    return str(desk.rows("SELECT body FROM outbox ORDER BY id DESC LIMIT 1"))


@pytest.fixture
def shut(desk: Desk) -> Desk:
    desk.session.commit(desk.session.data().write("flights", "SELECT 1 AS id, 'CANARY' AS day", partition_by=("day",)))
    (desk.folder / "access").mkdir()
    (desk.folder / "access/flights.yaml").write_text(POLICY)
    desk.born()
    return desk


def test_a_column_that_is_kept_from_a_viewer_is_not_shown_to_her_in_slack(shut: Desk) -> None:
    said = asked(shut, "U05", "sql", "SELECT * FROM flights")
    assert "1 row" in said
    assert "CANARY" not in said
    assert "CANARY" in asked(shut, "U01", "sql", "SELECT * FROM flights"), "an engineer sees it"
    refused = asked(shut, "U05", "train", "flights-delay")
    assert "may not" in refused


def test_whom_nobody_knows_is_denied_whatever_is_asked(shut: Desk) -> None:
    for argv in (("sql", "SELECT * FROM flights"), ("access", "show"), ("status",)):
        said = asked(shut, "U99", *argv)
        assert "not in this project" in said
        assert "CANARY" not in said
