"""Whatever people call things, Slack takes every form, question and story we make of it, and a terminal can show it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from bots import timeline
from bots.blocks import message
from bots.board import _story
from bots.local.client.drawn import Controls, pieces
from bots.local.client.rows import faces
from bots.local.people import label
from bots.local.state import State
from bots.rules import problems
from mlops_tui.incidents.incidentstate import Incident
from mlops_tui.view import View
from tests.bots.accepted import refused
from tests.bots.anyview import VIEW, WORDS

STATE = State({"ana": "U01"}, {"ml": "C01"}, (), lambda: 1_379_160_000.0)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
INCIDENTS = st.lists(WORDS, min_size=1, max_size=5).map(lambda titles: [
    Incident(f"INC-{number}", title, "flights", "high", datetime(2013, 7, 1, tzinfo=UTC))
    for number, title in enumerate(titles * 40, 1)])
SAID = st.one_of(WORDS, WORDS.map(lambda text: text * 50))


@settings(max_examples=60)
@given(INCIDENTS, SAID)
def test_the_question_which_incident_is_meant(open_: list[Incident], said: str) -> None:
    marked: dict[str, Any] = {"at": "C01", "ts": "1.000001", "parent": "1.000000", "author": "U01", "said": said,
                              "how": "shortcut"}
    where = {"channel": "C01", "answer": "https://x.y/" + "z" * 200}
    assert refused("modal", timeline.modal(marked, where, open_)) == []
    asked = timeline.offer(marked, open_)
    assert problems("message", {"text": "which?", "blocks": asked}) == []


@settings(max_examples=60)
@given(st.lists(WORDS, min_size=1, max_size=60))
def test_the_story_below_a_card(lines: list[str]) -> None:
    assert problems("message", _story(lines)) == []


@settings(max_examples=80)
@given(VIEW)
def test_the_local_slack_shows_any_answer_and_no_letter_of_it_moves_the_screen(view: View) -> None:
    made = message(view, zone=UTC)
    shown = {**made, "blocks": [{"block_id": f"b{number}", **each} for number, each in enumerate(made["blocks"])]}
    for text in texts(pieces(STATE, {"bot_id": "B0", "ts": "1.0", "user": "U0BOT", **shown})):
        assert not CONTROL.search(text), text


def texts(found: list[Text | Controls]) -> Iterator[str]:
    for each in found:
        if isinstance(each, Text):
            yield each.plain
        else:
            yield from (label(face) for element in each.elements for face in faces(element))
