"""A form asks for what a command line lacks, for every command there is, and gives back what was meant."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots import forms
from bots.forms import argv_from, asked, errors, modal, needs_form, private_of
from bots.words import argv_of
from mlops_tui.capability import LocalPath
from mlops_tui.data.stream import Span
from mlops_tui.errors import BadInput
from mlops_tui.roles import Shape
from tests.bots.accepted import refused
from tests.contract.test_capabilities import capabilities

QUOTES = "\"“”„«'‘’‚"
WORD = st.one_of(
    st.sampled_from(["flights", "AL-7", "7d", "-x", "--reason", "two words", "it's", "—", "<!channel>", "日本"]),
    st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=QUOTES), min_size=1, max_size=12))
WITH_A_FORM = [words for words, made in capabilities().items()
               if made.shape is Shape.DECIDE or any(map(forms.askable, made.params))]
ASKS_FIRST = [words for words in WITH_A_FORM if needs_form(words.split())]


def inputs(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def filled(block: dict[str, Any], draw: st.DrawFn) -> tuple[dict[str, Any], object]:
    """What Slack sends of an input that somebody filled in, and what is meant by it."""
    element = block["element"]
    match element["type"]:
        case "checkboxes":
            return {"type": "checkboxes", "selected_options": element["options"]}, True
        case "static_select":
            option = draw(st.sampled_from(element["options"]))
            pair = {"--real": True, "--noise": False}
            return {"type": "static_select", "selected_option": option}, pair.get(option["value"], option["value"])
        case "number_input" if element["is_decimal_allowed"]:
            low = float(element.get("min_value", 0))
            between = (low + float(element.get("max_value", low + 1))) / 2
            return {"type": "number_input", "value": str(between)}, between
        case "number_input":
            number = draw(st.integers(int(element.get("min_value", 0)), int(element.get("max_value", 10 ** 6))))
            return {"type": "number_input", "value": str(number)}, number
    value = draw(WORD)
    return {"type": "plain_text_input", "value": value}, value


def parsed(argv: tuple[str, ...]) -> dict[str, Any]:
    """The command's parameters as click hands them to it."""
    found = asked(argv)
    return found.command.make_context("x", list(found.rest)).params


@settings(max_examples=150)
@given(st.data())
def test_what_is_filled_in_is_what_the_command_gets(data: st.DataObject) -> None:
    words = data.draw(st.sampled_from([each for each in WITH_A_FORM if each not in ("job log", "job cancel")]))
    view = modal(words.split())  # a job's number may be written in two ways: it is held against what is meant elsewhere
    values, meant = {}, {}
    spans = {f"p:{each.name}" for each in capabilities()[words].params if isinstance(each.type, Span)}
    for block_id, block in inputs(view).items():
        if not block.get("optional") or data.draw(st.booleans()):
            answer, meant[block_id] = filled(block, data.draw)
            if block_id in spans:
                answer["value"], meant[block_id] = "5m", timedelta(minutes=5)
        else:
            answer = data.draw(st.sampled_from([{"value": None}, {"selected_option": None}, {"selected_options": []},
                                                {"value": "  "}]))
        values[block_id] = {"value": answer}
    argv, reason = argv_from({"values": values}, view["private_metadata"])
    assert reason == meant.pop("reason", None)
    paths = {each.name for each in capabilities()[words].params if isinstance(each.type, LocalPath) and each.required}
    if not paths:
        got = parsed(argv)
        for each in capabilities()[words].params:
            if each.nargs == -1 and f"p:{each.name}" in meant:  # several words, read as a command line is
                meant[f"p:{each.name}"] = tuple(argv_of(str(meant[f"p:{each.name}"])))
            elif getattr(each, "multiple", False) and f"p:{each.name}" in meant:  # a form takes one of many
                meant[f"p:{each.name}"] = (meant[f"p:{each.name}"],)
            elif each.callback is not None and f"p:{each.name}" in meant:  # what it reads of the words
                around = click.Context(capabilities()[words])
                meant[f"p:{each.name}"] = each.callback(around, each, meant[f"p:{each.name}"])
        assert {name: got[name.removeprefix("p:")] for name in meant} == meant
        assert errors(argv) == {}
        assert asked(argv).path == asked(words.split()).path


@pytest.mark.parametrize("words", WITH_A_FORM)
def test_slack_takes_the_form_of_every_command(words: str) -> None:
    view = modal(words.split(), private="C01")
    assert refused("modal", view) == []
    assert private_of(view["private_metadata"]) == "C01"
    asked_for = set(inputs(view))
    paths = {f"p:{each.name}" for each in capabilities()[words].params if isinstance(each.type, LocalPath)}
    assert not paths & asked_for
    assert ("reason" in asked_for) == (capabilities()[words].shape is Shape.DECIDE)


def test_commands_that_lack_something_ask_first_and_looks_that_lack_nothing_do_not() -> None:
    assert {"drift", "train", "alert resolve", "approve vote", "incident severity", "checklist sign"} <= set(ASKS_FIRST)
    assert not {"status", "alert list", "ingest", "validate", "demo", "init"} & set(ASKS_FIRST)


@pytest.mark.parametrize(("line", "wanted"), [
    ("approve AP-2", True), ("approve AP-2 --reason good", False), ("approve", False), ("drift", True),
    ("drift flights", False), ("drift --reference x --current y", False), ("alert resolve AL-7 --reason x", True),
    ("alert resolve AL-7 --reason x --noise", False), ("train --help", False), ("nonsense", False),
    ("incident severity INC-3", True), ("incident severity INC-3 severe", False), ("train flights --form x", False),
    ("status extra", False), ("pipeline run", True), ("pipeline", False)])
def test_a_form_comes_first_where_something_is_missing_that_it_can_ask(line: str, wanted: bool) -> None:
    assert needs_form(line.split()) is wanted


def test_a_lone_reason_is_asked_as_why() -> None:
    view = modal(("approve", "AP-5", "--no"))
    assert view["title"]["text"] == "Why?"
    assert view["callback_id"] == "form"
    assert view["blocks"][0]["elements"][0]["text"] == "/mlops approve AP-5 --no"
    assert inputs(view)["reason"]["element"]["multiline"] is True
    state = {"values": {"reason": {"value": {"type": "plain_text_input", "value": " worse in July \n"}}}}
    assert argv_from(state, view["private_metadata"]) == (("approve", "vote", "AP-5", "--no"), "worse in July")


def test_a_button_that_said_yes_offers_no_box_for_no() -> None:
    assert list(inputs(modal(("approve", "vote", "AP-5"), wanted=("reason",)))) == ["reason"]
    assert list(inputs(modal(("approve", "vote", "AP-5")))) == ["p:against", "reason"]
    told = inputs(modal(("postmortem", "tell", "INC-1"), wanted=("saw", "did")))
    assert list(told) == ["p:saw", "p:did", "p:surprised", "p:change"]


def test_inputs_follow_the_type_of_what_they_ask_for() -> None:
    made = inputs(modal(("postmortem", "action", "INC-3")))
    assert list(made)[:2] == ["p:kind", "p:title"], "what is needed comes first"
    assert [option["value"] for option in made["p:kind"]["element"]["options"]] == [
        "detect", "prevent", "mitigate", "process", "checklist"]
    assert made["p:owner"]["hint"]["text"] == "Who does it; you by default."
    assert made["p:owner"]["optional"] is True
    bins = inputs(modal(("calibration",)))["p:bins"]["element"]
    assert (bins["type"], bins["min_value"], bins["is_decimal_allowed"]) == ("number_input", "1", False)
    assert bins["placeholder"]["text"] == "10 by default"
    assert inputs(modal(("train",)))["p:start"]["element"]["placeholder"]["text"] == "2013-06-01"
    assert "p:label" not in inputs(modal(("evaluate",))), "a file's columns are not asked for where none can be named"


def test_a_wrong_answer_is_shown_at_its_input() -> None:
    assert errors(("incident", "severity", "INC-3", "severe")) == {
        "p:level": "'severe' is not one of 'critical', 'high', 'medium', 'low'."}
    assert set(errors(("calibration", "flights", "--bins", "none"))) == {"p:bins"}
    assert set(errors(("calibration", "flights", "--bins", "0"))) == {"p:bins"}
    assert errors(("train",)) == {"p:model": "This is needed."}
    assert errors(("alert", "ack", "AL-7")) == {}


@pytest.mark.parametrize(("argv", "said"), [
    (("nonsense",), "No command"), (("alert", "shw"), "no verb"), (("train", "x", "--form", "y"), "--form"),
    (("status", "x"), "extra"), (("incident", "severity", "INC-3", "severe"), "not one of"),
    (("status",), "nothing left to ask"), (("incident", "note", "INC-3", "x" * 3000), "too long"),
    (("incident", "note", "\x00"), "too long")])
def test_what_no_form_can_mend_is_refused(argv: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said) as problem:
        modal(argv)
    assert problem.value.what


@pytest.mark.parametrize("metadata", ["", "x", "[]", "{}", '{"a":["status"]}', '{"a":[],"p":""}', '{"a":[1],"p":""}',
                                      '{"a":["a\\u0000"],"p":""}', "[" * 3000])
def test_a_forged_form_is_refused(metadata: str) -> None:
    with pytest.raises(BadInput, match="none of ours"):
        argv_from({"values": {}}, metadata)


def test_words_that_look_like_options_stay_words() -> None:
    view = modal(("incident", "note", "INC-3"))
    state = {"values": {"p:text": {"value": {"value": "--no-idea"}}, "p:link": {"value": {"value": "-"}}}}
    argv, _ = argv_from(state, view["private_metadata"])
    assert parsed(argv) == {"incident": "INC-3", "text": "--no-idea", "link": "-", "at": None, "who": None}


def test_one_thing_that_a_button_asks_for_is_needed_and_of_several_some_will_do() -> None:
    one = inputs(modal(("incident", "update", "INC-3"), wanted=("TEXT",)))
    assert not one["p:text"].get("optional")
    several = inputs(modal(("postmortem", "tell", "INC-3"), wanted=("saw", "did", "surprised", "change")))
    assert all(block["optional"] for block in several.values())
    assert set(several) == {"p:saw", "p:did", "p:surprised", "p:change"}


def test_an_answer_to_what_was_not_asked_is_ignored() -> None:
    view = modal(("ingest",))
    values = {"p:files": {"value": {"value": "/etc/passwd"}}, "p:dataset": {"value": {"value": "flights"}}}
    assert argv_from({"values": values}, view["private_metadata"])[0] == ("ingest", "flights")


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    script = ("import sys; from bots.forms import modal; modal(('alert', 'ack'));"
              "loaded = [name for name in sys.modules if name.startswith('mlops_tui.modeling.')];"
              "sys.exit(repr(loaded) if loaded else 0)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_with_a_required_choice_of_two_asks_for_it() -> None:
    block = inputs(modal(("alert", "resolve", "AL-7")))["p:real"]
    assert (block["label"]["text"], block["optional"]) == ("Real or noise", False)
