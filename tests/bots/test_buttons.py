"""What a button carries: it comes back as it went, and nothing else is taken for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.buttons import VALUE, Press, actions, button, decode, encode, legible
from mlops_tui.errors import BadInput
from mlops_tui.view import Action
from tests.bots.accepted import refused
from tests.bots.anyview import WORDS

ARGV = st.lists(WORDS, min_size=1, max_size=6)
DIGEST = st.one_of(st.none(), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))


@given(ARGV, DIGEST)
def test_what_a_button_carries_comes_back_as_it_went(argv: list[str], digest: str | None) -> None:
    value = encode(argv, digest)
    if value is None:
        assert not all(map(legible, argv)) or len(json.dumps(argv, ensure_ascii=False)) > VALUE - 6 * 300
    else:
        assert len(value) <= VALUE
        assert not set(value) & set("&<>"), "Slack would hand these back as entities"
        assert decode(value) == Press(tuple(argv), digest)


def test_a_plain_command_always_fits() -> None:
    assert encode(("promote", "flights-delay@8"), "d" * 64) is not None
    assert encode(("incident", "note", "INC-3", "x" * VALUE)) is None


@pytest.mark.parametrize("value", [
    "", "x", "null", "[]", "[" * 2000, '{"a":"status"}', '{"a":[]}', '{"a":["status",1]}', '{"a":[["status"]]}',
    '{"a":["status"],"x":1}', '{"c":"d"}', '{"a":["status"],"c":1}', '{"a":["status"],"c":""}',
    '{"a":["status"],"c":null,"a2":1}', '{"a":["st\\u0000atus"]}', '{"a":["\\ud800"]}', '{"a":["a\\nb"]}',
    json.dumps({"a": ["x" * VALUE]}), json.dumps({"a": ["status"], "c": "d" * 300})])
def test_a_forged_value_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match="none of ours"):
        decode(value)


def test_style_and_question_stand_only_where_they_are_asked_for() -> None:
    plain = button("Roll back", "do:0", encode(("promote", "x", "--rollback")) or "")
    asked = button("Roll back", "do:0", plain["value"], style="danger", confirm="Back to version 7?")
    assert set(plain) == {"type", "action_id", "text", "value"}
    assert (asked["style"], asked["confirm"]["text"]["text"]) == ("danger", "Back to version 7?")
    assert asked["confirm"]["confirm"]["text"] == "Roll back"


def test_what_names_a_file_is_a_command_for_the_terminal_and_no_button() -> None:
    blocks = actions((Action("Mend by hand", ("quarantine", "export", "trips", "b7", "--out", "trips-bad.csv")),
                      Action("Which rows", ("quarantine", "show", "trips", "b7"))))
    assert [each["text"]["text"] for block in blocks if block["type"] == "actions" for each in block["elements"]] == [
        "Which rows"]
    assert "mlops-tui quarantine export trips b7 --out trips-bad.csv" in json.dumps(blocks)


@given(st.lists(st.builds(Action, label=WORDS, argv=ARGV.map(tuple)), max_size=40))
def test_every_next_step_is_a_button_a_hint_or_counted(offered: list[Action]) -> None:
    blocks = actions(offered)
    made = [each for block in blocks if block["type"] == "actions" for each in block["elements"]]
    hints = sum(each["text"].startswith("→ ") and "style" not in each for block in blocks
                if block["type"] == "rich_text" for each in block["elements"][0]["elements"])
    rest = [int(block["elements"][0]["text"].split()[0]) for block in blocks if block["type"] == "context"]
    assert len(made) + hints + sum(rest) == len(offered)
    assert all(offered[int(each["action_id"].removeprefix("do:"))].argv == decode(each["value"]).argv for each in made)
    assert all(0 < len(each["text"]["text"]) <= 75 for each in made)


def words_on(question: str) -> tuple[Action, ...]:
    return tuple(Action(label, ("ask", "feedback", "5f1c9b24", choice, "--question", question))
                 for label, choice in (("👍 That was it", "yes"), ("👎 Not that", "no")))


def test_the_two_words_on_an_answer_are_slacks_own_thumbs_below_the_next_steps() -> None:
    made = actions((Action("Why?", ("why", "flights")), *words_on("why is flights red?")))
    assert [block["type"] for block in made] == ["actions", "context_actions"]
    [pair] = made[1]["elements"]
    assert decode(pair["positive_button"]["value"]).argv[2:4] == ("5f1c9b24", "yes")
    assert decode(pair["negative_button"]["value"]).argv[2:4] == ("5f1c9b24", "no")
    assert refused("message", {"text": "x", "blocks": made}) == []
    [only] = actions(words_on("x" * 3000))
    assert only["type"] == "rich_text", "what no button carries is typed"
