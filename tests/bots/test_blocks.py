"""What Slack shows: any view within its limits, the answer first, and no word of data that does anything."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from bots.blocks import message, plan_message
from bots.buttons import decode
from bots.richtext import escaped
from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.roles import Shape
from mlops_tui.session import Session, without_project
from mlops_tui.view import Action, Facts, Series, Status, Step, Steps, Table, Text, View
from tests.bots.accepted import letters, refused
from tests.bots.anyview import MISCHIEF, VIEW
from tests.contract.test_capabilities import capabilities, each_example, only_looks, runs_by_itself
from tests.render.samples import SAMPLES

NEW_YORK = ZoneInfo("America/New_York")
JUNE = datetime(2013, 6, 1, 10, tzinfo=UTC)
COMMAND = ("drift", "flights")


def told(view: View, **how: Any) -> dict[str, Any]:
    return message(view, zone=NEW_YORK, command=COMMAND, **how)


def types(made: dict[str, Any]) -> list[str]:
    return [block["type"] for block in made["blocks"]]


# -- within the limits --------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(VIEW)
def test_slack_takes_any_view(view: View) -> None:
    for charts in (True, False):
        assert refused("message", told(view, charts=charts)) == []
    assert refused("message", plan_message(view, ("promote", "flights@8"), "d" * 64, zone=NEW_YORK)) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_slack_takes_what_the_product_says(name: str) -> None:
    made = told(SAMPLES[name])
    assert refused("message", made) == []
    assert SAMPLES[name].title in letters(made)
    assert "left out" not in letters(made).lower()


@pytest.mark.parametrize(("words", "argv"), each_example(runs_by_itself))
def test_slack_takes_every_answer_in_an_empty_folder(words: str, argv: tuple[str, ...], tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = without_project(tmp_path, perform)
    outcome = perform(session, argv, reason="because", dry_run=capabilities()[words].shape is Shape.ACT)
    assert refused("message", told(outcome.view)) == []


@pytest.mark.parametrize(("words", "argv"), each_example(only_looks))
def test_slack_takes_every_answer_in_a_project(words: str, argv: tuple[str, ...], project: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    view = perform(open_project(project, person="ana"), argv).view
    assert refused("message", message(view, zone=NEW_YORK, command=argv)) == [], words


# -- the order and the words --------------------------------------------------------------------------------------


def test_the_notification_is_the_glyph_and_the_answer() -> None:
    made = told(View("2 of 12 columns moved", Status.FAIL))
    assert made["text"] == "■ 2 of 12 columns moved"
    assert letters(made) == "■ \n2 of 12 columns moved\n · fail"


def test_buttons_stand_on_the_first_screen_even_above_a_long_table() -> None:
    rows = [{"name": f"model {number}", "n": number} for number in range(60)]
    view = View("many", parts=(Facts({"models": 60}), Table.of("models", rows, "name", "n")),
                actions=(Action("Why?", ("why", "flights")),))
    assert types(told(view)) == ["rich_text", "rich_text", "actions", "rich_text", "context"]
    assert types(told(view, buttons=False)) == ["rich_text", "rich_text", "rich_text", "context"]
    short = View("few", parts=(Table.of("models", rows[:3], "name", "n"),), actions=view.actions)
    assert types(told(short)) == ["rich_text", "rich_text", "actions"]


def test_a_long_table_says_how_many_are_left_and_what_shows_them() -> None:
    table = Table.of("rows", [{"n": number} for number in range(300)], "n", total=1234567)
    shown = letters(told(View("many", parts=(table,))))
    assert shown.endswith("1,234,552 more: /mlops drift flights")
    assert "285 more" in letters(told(View("many", parts=(Table.of("rows", table.rows, "n"),))))


def test_a_narrow_table_lines_up_and_a_wide_one_is_slacks_own() -> None:
    rows = [{"model": "a", "auc": 3.5, "status": Status.PASS}, {"model": "bb", "auc": 1234.25, "status": Status.FAIL}]
    [_, narrow] = told(View("x", parts=(Table.of("t", rows, "model", "auc", "status"),)))["blocks"]
    assert narrow["elements"][0]["elements"][0]["text"].split("\n") == [
        "  model      auc  status", "● a          3.5  pass", "■ bb     1,234.2  fail"]
    wide = Table.of("t", [row | {"why": "because of the weather in July"} for row in rows * 2], "model", "auc",
                    "status", "why")
    _, native, lines = told(View("x", parts=(wide, wide)))["blocks"]
    assert [cell["text"] for cell in native["rows"][2]] == ["■ bb", "1,234.2", "fail", "because of the weather in July"]
    assert [column["align"] for column in native["column_settings"]] == ["left", "right", "left", "left"]
    assert "".join(each["text"] for each in lines["elements"][0]["elements"]).split("\n")[1] == (
        "■ bb · auc 1,234.2 · fail · because of the weather in July")


def test_what_to_try_next_is_said_as_one_types_it_here() -> None:
    said = letters(message(View("No.", Status.ERROR, (Facts({"next": "Try: mlops-tui alert list"}),)), zone=NEW_YORK))
    assert "Try: /mlops alert list" in said


def test_empty_tables_are_one_line() -> None:
    parts = tuple(Table.of(name, (), "x", title=name.capitalize()) for name in ("alerts", "incidents"))
    assert letters(told(View("quiet", Status.PASS, parts))).endswith("Alerts, Incidents: none")


def test_times_are_local_with_their_zone_and_steps_say_how_they_went() -> None:
    steps = Steps((Step("clean", Status.DONE, 1.84, "336,776 rows"), Step("enrich", Status.ERROR, None, "no column")))
    shown = letters(told(View("x", parts=(Facts({"since": JUNE}), steps))))
    assert "2013-06-01 06:00 EDT" in shown
    assert "● \nclean\n · 1.8 s · 336,776 rows" in shown
    assert "■ \nenrich\n · error · no column" in shown


def test_what_does_not_fit_is_named() -> None:
    text = "\n".join("a line of a long letter that goes on and on, and on" for _ in range(30))
    parts = [Text(text)] * 12 + [Table.of("late", [{"a": 1}], "a")]
    made = told(View("long", parts=tuple(parts)))
    assert re.search(r"Left out for want of room: text.*: /mlops drift flights$", letters(made))
    assert len(letters(made)) > 8000, "the room is used"
    many = told(View("many", parts=tuple(Facts({"n": number}) for number in range(99))))
    assert len(many["blocks"]) == 50
    assert letters(many).endswith("Left out for want of room: facts: /mlops drift flights")


def test_long_text_is_cut_with_how_much_is_left() -> None:
    made = told(View("x", parts=(Text("\n".join(map(str, range(100)))),)))
    assert letters(made).endswith("70 more lines: /mlops drift flights")
    assert "…" in letters(told(View("t" * 400)))


def test_markdown_keeps_its_bold_code_headings_and_lists() -> None:
    body = "# Cause\nLabel shift: **seen 13.7 %**\n- run `mlops-tui why`\n```\n**raw**\n```"
    [block] = told(View("x", parts=(Text(body, "markdown"),)))["blocks"][1:]
    prose, code = block["elements"]
    assert [(run["text"], run.get("style")) for run in prose["elements"]] == [
        ("Cause", {"bold": True}), ("\n", None), ("Label shift: ", None), ("seen 13.7 %", {"bold": True}),
        ("\n", None), ("• ", None), ("run ", None), ("mlops-tui why", {"code": True})]
    assert code["elements"] == [{"type": "text", "text": "**raw**"}]


# -- words stay words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MISCHIEF)
def test_a_name_does_nothing_wherever_it_stands(name: str) -> None:
    table = Table.of("t", [{"name": name, "n": 1, "long": "w" * 60}] * 5, "name", "n", "long", title=name)
    view = View(name, Status.FAIL, (Facts({name: name}), table, table, Text(name), Text(name, "code"),
                                    Steps((Step(name, Status.FAIL, 1.0, name),)),
                                    Series(name, "line", (1, 2), (1.0, 2.0), title=name, names=(name,)),
                                    Series(name, "heat", (name,), (1.0,), names=(name,))),
                (Action(name, ("why", name)), Action(name, ("why", name * 700))))
    for charts in (True, False):
        made = told(view, charts=charts)
        assert refused("message", made) == []
        assert not [each for each in parts_of(made) if each.get("type") == "mrkdwn"], "nothing is read as markup"
        assert not [each for each in parts_of(made) if each.get("emoji", False)], "no word becomes a picture"
        assert {each["type"] for each in parts_of(made) if "style" in each} <= {"text", "button"}
        assert all(letter.isprintable() or letter == "\n" for letter in letters(made))
    assert "<" not in told(view)["text"]
    assert not re.search(r"([*_~`])\w+\1", told(view)["text"])


def parts_of(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(each for item in value.values() for each in parts_of(item))]
    return [each for item in value for each in parts_of(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(("text", "sent"), [("<!channel> & co", "&lt;!channel&gt; &amp; co"), ("&lt;", "&amp;lt;"),
                                            ("a*b*", "a*\u2060b*\u2060"), ("flights-delay", "flights-delay")])
def test_text_for_a_notification_is_escaped(text: str, sent: str) -> None:
    assert escaped(text) == sent


# -- next steps ---------------------------------------------------------------------------------------------------


def test_each_next_step_is_a_button_that_carries_its_command() -> None:
    offered = (Action("Why?", ("why", "flights")), Action("", ("alert", "ack", "AL-7")))
    [_, block] = told(View("x", actions=offered))["blocks"]
    assert [each["action_id"] for each in block["elements"]] == ["do:0", "do:1"]
    assert [decode(each["value"]).argv for each in block["elements"]] == [action.argv for action in offered]
    assert [each["text"]["text"] for each in block["elements"]] == ["Why?", "alert ack AL-7"]


def test_a_command_too_long_for_a_button_is_told() -> None:
    made = told(View("x", actions=(Action("Note it", ("incident", "note", "INC-3", "word " * 500)),)))
    assert "actions" not in types(made)
    assert "/mlops incident note INC-3 \"word word" in letters(made)
    assert "Note it" in letters(made)


def test_more_next_steps_than_anybody_reads_are_counted() -> None:
    offered = tuple(Action(f"step {number}", ("why", str(number))) for number in range(18))
    made = told(View("x", actions=offered))
    assert [len(block["elements"]) for block in made["blocks"] if block["type"] == "actions"] == [10]
    assert letters(made).endswith("3 more next steps")


def test_a_plan_is_answered_by_doing_it_or_not() -> None:
    argv, digest = ("promote", "flights-delay@8"), "9f86" * 16
    made = plan_message(SAMPLES["plan"], argv, digest, zone=NEW_YORK)
    do, cancel = next(block for block in made["blocks"] if block["type"] == "actions")["elements"]
    assert (do["style"], decode(do["value"]).argv, decode(do["value"]).consent) == ("primary", argv, digest)
    assert (cancel["action_id"], decode(cancel["value"]).consent) == ("cancel", None)
    long = plan_message(SAMPLES["plan"], ("snapshot", "restore", "x" * 3000), digest, zone=NEW_YORK)
    assert "actions" not in types(long)
    assert "in a terminal" in letters(long)


# -- as it is lived -----------------------------------------------------------------------------------------------


def test_an_alert_fits_a_phone(session: Callable[..., Session], made: Any) -> None:
    ledger = session().ledger
    for day in range(3):
        window = (f"2013-09-0{day + 1}T10:00:00+00:00", f"2013-09-0{day + 2}T10:00:00+00:00")
        ledger.append(made.finding("fail", title="2 of 12 columns moved", window=window))
        session().react()
    view = perform(session(), ("alert", "AL-1")).view
    shown = message(view, zone=NEW_YORK, command=("alert", "AL-1"))
    assert refused("message", shown) == []
    first = types(shown).index("actions")
    assert len("".join(letters({"blocks": shown["blocks"][:first]}))) < 700
    assert json.loads(json.dumps(shown)) == shown


def test_a_gap_of_time_is_not_hidden_by_a_chart() -> None:
    x = tuple(JUNE + timedelta(days=day) for day in range(4))
    part = Series("s", "line", x, (1.0, None, 3.0, 4.0), title="late", y_label="share")
    _, chart, note = told(View("x", parts=(part,)))["blocks"]
    assert chart["chart"]["axis_config"]["categories"] == ["1 Jun", "3 Jun", "4 Jun"]
    assert note["elements"][0]["text"] == "1 of 4 without a value"
    assert chart["chart"]["axis_config"]["y_label"] == "share"


def test_of_a_timeline_the_newest_lines_are_kept_however_little_room_there_is() -> None:
    rows = [{"at": f"t{number:02}", "who": "ana", "what": f"line {number:02} " + "x" * 290, "e": number, "f": "y"}
            for number in range(40)]
    shown = letters(told(View("long", parts=(Table.of("timeline", rows, "at", "who", "what", "e", "f", last=True),))))
    assert "line 39 " in shown
    assert "line 00 " not in shown
    assert " before: /mlops drift flights" in shown
