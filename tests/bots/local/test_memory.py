"""The workspace is there again the next time: messages, threads, marks and pages; what is over is not."""

import json
from pathlib import Path

import pytest

from bots.local.memory import Memory
from bots.local.workspace import LocalSlack
from mlops_tui.errors import BadInput
from tests.bots.local.conftest import client_of


def test_what_was_said_stands_where_it_stood_and_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "slack.json"
    with LocalSlack(patience=0.1) as slack:
        memory = Memory(slack.state, path)
        memory.start()
        ts = client_of(slack).chat_postMessage(channel="C01", text="card")["ts"]
        slack.say("bo", "on it", thread_ts=ts)
        slack.pin("bo", ts)
        slack.state.hook("U01", "C01")
        memory.stop()
    with LocalSlack({"ana": "U01", "zoe": "U09"}, {"flights": "C01", "other": "C02"}) as slack:
        memory = Memory(slack.state, path)
        memory.start()
        client_of(slack).chat_update(channel="C01", ts=ts, text="new card")
        [card] = slack.messages("flights")
        assert (card["text"], [each["text"] for each in card["replies"]]) == ("new card", ["on it"])
        assert {"U09", "U01", "U02"} <= slack.place("flights").members
        assert (slack.messages("other"), slack.state.hooks) == ([], {})
        assert float(slack.state.next_ts()) > float(ts)
        memory.stop()
    assert not memory.thread.is_alive()
    assert json.loads(path.read_text())["channels"][0]["messages"][ts]["text"] == "new card"


def test_a_file_that_is_none_of_its_own_is_named(tmp_path: Path) -> None:
    path = tmp_path / "slack.json"
    path.write_text('{"channels": 3}')
    with LocalSlack() as slack, pytest.raises(BadInput, match="cannot be read"):
        Memory(slack.state, path).start()
