"""What the terminal shows: eight views as golden files, and any view at any width without harm."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_tui.render import cells
from mlops_tui.render.charts import draw
from mlops_tui.render.json import canonical
from mlops_tui.render.keep import read, written
from mlops_tui.render.terminal import lines
from mlops_tui.view import (
    Action,
    Cell,
    Column,
    Facts,
    Part,
    Series,
    Status,
    Step,
    Steps,
    Table,
    Text,
    View,
    filled_in,
)

HERE = Path(__file__).parent
JUNE = datetime(2013, 6, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def load_samples() -> dict[str, View]:
    spec = spec_from_file_location("render_samples", HERE / "samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.SAMPLES)


SAMPLES = load_samples()


def drawn(view: View, width: int = 80, **how: int) -> list[str]:
    return [line.plain for line in lines(view, width=width, zone=NEW_YORK, command=("drift", "flights"), **how)]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_looks_as_it_was_agreed(name: str) -> None:
    """`GOLDEN=write pytest tests/render` agrees to what is drawn now; look at the difference before committing it."""
    shown = "".join(f"{'=' * 8} {width} {'=' * (width - 12)}\n" + "".join(f"{line}\n" for line in
                    drawn(SAMPLES[name], width)) for width in (100, 80, 60))
    path = HERE / "golden" / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


def test_the_samples_hold_every_part_every_status_and_every_kind_of_series() -> None:
    parts = [part for view in SAMPLES.values() for part in view.parts]
    assert {type(part) for part in parts} == {Text, Facts, Table, Series, Steps}
    assert {part.kind for part in parts if isinstance(part, Series)} | {"band"} == {
        "line", "band", "bar", "bins", "heat", "interval", "graph"}
    steps = {step.status for part in parts if isinstance(part, Steps) for step in part.items}
    assert {view.status for view in SAMPLES.values()} | steps | {Status.PASS} == set(Status)


def test_the_answer_comes_first_and_the_next_step_last() -> None:
    shown = drawn(SAMPLES["drift"])
    assert shown[0].startswith("■ 2 of 12 columns moved")
    assert shown[0].endswith("fail")
    assert shown[-2].startswith("→ mlops-tui why flights-delay")


def test_a_long_table_says_how_many_are_left_and_what_shows_them() -> None:
    table = Table.of("rows", [{"n": number} for number in range(50)], "n", total=1234567)
    shown = drawn(View("many", parts=(table,)), rows=10)
    assert shown[-1] == "  1,234,557 more: mlops-tui drift flights --json"
    assert len(shown) == 13


def test_numbers_stand_right_and_line_up() -> None:
    rows = [{"a": 3.5, "b": 12}, {"a": 1234.25, "b": 1234567}, {"a": None, "b": 0}]
    _, head, *body = drawn(View("x", parts=(Table.of("t", rows, Column("a", unit="ms"), "b"),)))
    assert head == "   a [ms]          b"
    assert body == ["      3.5         12", "  1,234.2  1,234,567", "        –          0"]


@pytest.mark.parametrize(("value", "column", "text"), [
    (0.0, Column("x"), "0"), (0.1234567, Column("x"), "0.1235"), (12.0, Column("x"), "12.0"),
    (1e12, Column("x"), "1.0e+12"),
    (1.3e-28, Column("p"), "1.3e-28"), (-0.5, Column("x"), "-0.5"), (0.1834, Column("x", share=True), "18.3 %"),
    (0.62, Column("x", share=True, digits=0), "62 %"), (336776, Column("x"), "336,776"),
    (2.5, Column("x", digits=2), "2.50"),
    (True, Column("x"), "yes"), (None, Column("x"), "–"), (Status.UNKNOWN, Column("x"), "unknown"),
    (("a", "b"), Column("x"), "a, b"), ("two\nlines", Column("x"), "two lines"),
    (datetime(2013, 9, 14, 10, tzinfo=UTC), Column("x"), "2013-09-14 06:00 EDT")])
def test_a_cell_reads_as_a_person_would_write_it(value: Cell, column: Column, text: str) -> None:
    assert cells.cell_text(value, column, NEW_YORK) == text


@pytest.mark.parametrize(("text", "shown"), [
    ("plain", "plain"), ("\x1b[31mred", "␛[31mred"), ("a\u202eb", "a�b"), ("\ud800", "�"), ("a\tb\r\nc", "a b  c"),
    ("zero\u200bwidth", "zerowidth"), ("日本", "日本"), ("\x7f\x00", "␡␀"), ("[bold]not[/]", "[bold]not[/]")])
def test_what_controls_a_terminal_is_shown_and_not_done(text: str, shown: str) -> None:
    assert cells.clean(text) == shown


def test_heat_on_a_scale_of_its_own_is_dark_where_every_value_is_the_worst() -> None:
    for value, shade in ((0, "░"), (1, "▒"), (3, "█"), (9, "█")):
        part = Series("h", "heat", ("a", "b"), (value, value), (0,), (3,), names=("Mon",))
        first, *_, legend = [line.plain for line in draw(part, 30, UTC)]
        assert first.replace("Mon", "").strip() == shade * 8
        assert legend.split() == ["░", "0", "█", "3"]


@pytest.mark.parametrize(("asked", "said", "words"), [
    ("note", "seen", ("--note", "seen")), ("set:window", "2d", ("--set", "window=2d")), ("TEXT", "it is", ("it is",)),
    ("TEXT", "-5 degrees", ("--", "-5 degrees"))])
def test_what_is_asked_for_is_filled_in_as_option_or_argument(asked: str, said: str, words: tuple[str, ...]) -> None:
    assert filled_in(asked, said) == words


@pytest.mark.parametrize("kind", ["line", "band", "bar", "bins", "heat", "interval", "graph"])
def test_a_series_without_a_value_says_so(kind: str) -> None:
    assert [line.plain for line in draw(Series("s", kind, (), ()), 80, NEW_YORK)][-1] == "  nothing to draw yet"


def test_a_broken_command_line_is_still_one_for_the_shell() -> None:
    argv = ("alert", "resolve", "AL-7", "--reason", "it was the weather; nobody's fault, and it is over")
    shown = drawn(View("x", actions=(Action("Resolve", argv),)), width=60)
    typed = "\n".join(line.removeprefix("→ ") for line in shown[2:])
    assert len(shown) == 4
    script = typed.replace("mlops-tui", "printf '%s|'", 1)
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split("|")[:-1] == list(argv)


def test_narrow_tables_say_which_columns_are_missing() -> None:
    shown = "\n".join(drawn(SAMPLES["drift"], 40))
    assert "not shown for want of room:" in shown
    assert "reason" in shown


def test_rows_can_be_told_apart_where_room_is_short() -> None:
    """The last columns go before the text that says which row it is; it takes several lines."""
    rows = [{"alert": f"AL-{number}", "state": "resolved", "title": f"roc_auc of flights-delay 0.{number} [0.6, 0.7]",
             "about": "flights-delay", "since": JUNE, "owner": "bo", "fired": number} for number in (651, 702)]
    shown = drawn(View("x", parts=(Table.of("alerts", rows, "alert", "state", "title", "about", "since", "owner",
                                            "fired"),)), 70)
    whole = " ".join(" ".join(shown).split())
    assert "not shown for want of room: owner, fired" in whole
    for number in (651, 702):
        assert f"0.{number}" in whole
    names = [Column(name) for name in ("column", "nulls", "distinct")]
    narrow = drawn(View("x", parts=(Table.of("t", [{"column": "a", "nulls": 1, "distinct": 2}], *names),)), 28)
    assert narrow[1].split() == ["column", "nulls", "distinct"], "no heading is cut to some letters"


def test_a_hash_is_cut_where_it_is_read_and_whole_where_it_is_taken_from() -> None:
    view = View("x", parts=(Table.of("t", [{"snapshot": "e3cffdcf771f0312958f5faa"}], Column("snapshot", cut=12)),))
    assert drawn(view)[-1] == "  e3cffdcf771f"
    assert canonical(view)["tables"]["t"]["rows"] == [{"snapshot": "e3cffdcf771f0312958f5faa"}]
    assert read(written(view)) == view


# -- anything at any width ----------------------------------------------------------------------------------------

TEXT = st.one_of(st.text(max_size=60), st.text(st.characters(), max_size=12), st.sampled_from(
    ["👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "a\u0301\u0301\u0301", "\x1b]0;title\x07", "\u202eevil", "\ud800lone",
     "漢字" * 30, "x" * 300, "tab\tand\nnewline", "❤️ ️", "क्षि", "", " ", "[/red]", "**bold** `code`", "# head", "- item",
     "```"]))
NUMBER = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
CELL = st.one_of(NUMBER, TEXT, st.sampled_from(Status), st.tuples(TEXT, TEXT),
                 st.timedeltas(timedelta(0), timedelta(days=90000)).map(lambda since: JUNE + since))
COLUMN = st.builds(Column, id=st.sampled_from("abcdefgh"), label=TEXT, unit=st.sampled_from(["", "ms", "€/日"]),
                   digits=st.one_of(st.none(), st.integers(0, 6)), share=st.booleans())
CELLS = st.lists(CELL, max_size=40).map(tuple)
KINDS = ["line", "band", "bar", "bins", "heat", "interval", "graph"]
NUMBERS = st.lists(NUMBER, max_size=40).map(tuple)


def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(COLUMN, min_size=1, max_size=8, unique_by=lambda column: column.id))
    rows = draw(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), CELL), max_size=6))
    total = draw(st.one_of(st.none(), st.integers(6, 10 ** 9)))
    return Table.of(draw(TEXT), rows, *columns, title=draw(TEXT), total=total)


PART: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, body=TEXT, kind=st.sampled_from(["plain", "markdown", "code"])),
    st.builds(Facts, items=st.dictionaries(TEXT, CELL, max_size=6)),
    st.composite(tables)(),
    st.builds(Series, id=st.just("s"), kind=st.sampled_from(KINDS),
              x=CELLS, y=NUMBERS, low=NUMBERS, high=NUMBERS, other=NUMBERS, names=st.lists(TEXT, max_size=4).map(tuple),
              title=TEXT, y_label=TEXT),
    st.builds(Steps, items=st.lists(st.builds(Step, step=TEXT, status=st.sampled_from(Status), detail=TEXT,
                                              seconds=st.one_of(st.none(), st.floats(0, 1e6))), max_size=4).map(tuple)))
VIEW = st.builds(View, title=TEXT, status=st.sampled_from(Status), parts=st.lists(PART, max_size=3).map(tuple),
                 actions=st.lists(st.builds(Action, label=TEXT, argv=st.lists(TEXT, min_size=1, max_size=4).map(tuple)),
                                  max_size=2).map(tuple))


@settings(max_examples=120, deadline=None)
@given(VIEW, st.integers(20, 140))
def test_any_view_fits_any_width_and_nothing_in_it_reaches_the_terminal(view: View, width: int) -> None:
    for line in lines(view, width=width, zone=NEW_YORK, command=("drift", "flights", "--window", "7d")):
        assert cell_len(line.plain) <= width
        assert not any(character < " " or "\x7f" <= character < "\xa0" for character in line.plain)
        line.plain.encode("utf-8")


@settings(max_examples=60, deadline=None)
@given(VIEW)
def test_a_view_that_was_kept_is_read_back_as_it_was(view: View) -> None:
    assert read(written(view)) == view


# -- through the command ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mlops.yaml").write_text("project: flights\n", encoding="utf-8")
    return tmp_path


def test_piped_output_has_no_colour_and_eighty_columns(folder: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    done = subprocess.run([sys.executable, "-P", "-m", "mlops_tui", "audit", "verify"], cwd=folder, env=env,
                          capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("● The history is whole")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80


def test_no_color_is_obeyed_on_a_terminal(folder: Path) -> None:
    script = ("import io, sys; sys.path.insert(0, sys.argv[1])\n"
              "from rich.console import Console\nfrom mlops_tui.render.terminal import lines\n"
              "from mlops_tui.view import View, Status\nout = io.StringIO()\n"
              "console = Console(file=out, force_terminal=True, color_system='truecolor')\n"
              "for line in lines(View('x', Status.FAIL)): console.print(line)\n"
              "sys.stdout.write(repr(out.getvalue()))")
    shown = {value: subprocess.run([sys.executable, "-c", script, str(HERE.parent.parent)], capture_output=True,
                                   text=True, check=True, env={**os.environ, "NO_COLOR": value}).stdout
             for value in ("", "1")}
    assert "31m" in shown[""]
    assert "31m" not in shown["1"]


def test_what_markdown_escapes_is_read_without_its_backslashes() -> None:
    body = "# 0.681 \\[0.658, 0.702\\]\na \\| b &amp; c\n```\nd \\| e\n```\n"
    said = [str(line) for line in lines(View("t", parts=(Text(body, "markdown"),)), width=80)]
    assert [line.strip() for line in said[1:] if line.strip()] == ["0.681 [0.658, 0.702]", "a | b & c", "d \\| e"]


def test_a_document_reads_without_its_comments_and_its_tables_line_up() -> None:
    body = "<!-- for who\nwrites it -->\n| | n |\n| --- | ---: |\n| flagged | 3 |\n| seen late | 14 |\n\nIt was\nso.\n"
    said = [str(line) for line in lines(View("t", parts=(Text(body, "markdown"),)), width=80)]
    assert [line for line in said[1:] if line] == ["             n", "  flagged    3", "  seen late  14", "It was so."]


def test_the_middle_of_an_axis_is_named_by_what_stands_there_and_a_share_ends_at_1() -> None:
    curve = Series("roc", "line", (0.0, 0.01, 0.02, 0.5, 1.0), (0.0, 0.4, 0.6, 0.9, 1.0))
    shown = drawn(View("ROC", Status.DONE, (curve,)), 60)
    axis = next(line for line in shown if line.strip().startswith("0") and line.strip().endswith("1.0"))
    assert axis.split()[1] == "0.5", "not the middle one of the points"
    assert not any(line.strip().startswith("1.1") for line in shown)


def test_named_places_of_a_curve_are_drawn_and_said() -> None:
    plain = Series("s", "band", tuple(range(11)), (1.0,) * 11, title="Cost")
    marked = Series("s", "band", tuple(range(11)), (1.0,) * 11, title="Cost", marks=(("now [x]", 5), ("gone", 70)))
    first, second = ([line.plain for line in draw(part, 60, NEW_YORK)] for part in (plain, marked))
    assert second[-1] == "  ┊ now [x] 5.000"
    assert all(line[10:].strip() for line in second[:8]), "the mark goes from the top to the bottom"
    assert not all(line[10:].strip() for line in first[:8])


def test_a_verdict_stays_where_the_numbers_it_judges_have_no_room() -> None:
    names = (Column("metric"), Column("limit", digits=4), Column("value", digits=4), Column("low", digits=4),
             Column("high", digits=4), Column("verdict"), Column("reason", worth=-1))
    row = {"metric": "roc_auc", "limit": 0.7, "value": 0.74, "low": 0.71, "high": 0.77, "verdict": "met",
           "reason": "0.74 [0.71, 0.77] keeps ≥ 0.7, which is told at some length"}
    for width, gone in ((60, "reason"), (44, "high, reason"), (22, "limit, value, low, high, reason")):
        shown = drawn(View("x", parts=(Table.of("criteria", [row], *names),)), width)
        assert "verdict" in shown[1]
        assert f"not shown for want of room: {gone}" in " ".join(" ".join(shown).split())


def test_a_seed_is_typed_as_it_is_read() -> None:
    shown = drawn(View("x", parts=(Facts({"seed": 20130101, "rows": 20130101}),)), 60)
    assert [line.split()[-1] for line in shown[1:]] == ["20130101", "20,130,101"]


def test_a_fact_that_is_empty_is_a_dash() -> None:
    shown = [line.plain for line in lines(View("x", Status.DONE, (Facts({"why": "", "mutes": (), "a": "b"}),)))]
    assert [line.split()[1] for line in shown[1:4]] == ["–", "–", "b"]


@pytest.mark.parametrize("width", [80, 40])
def test_a_named_place_of_intervals_is_a_line_with_its_name(width: int) -> None:
    """Of the first group the whole interval lies below the line, of the second it holds it, of the third above."""
    part = Series("s", "interval", ("a", "b", "c"), (0.2, 0.5, 0.8), (0.1, 0.4, 0.7), (0.3, 0.6, 0.9),
                  marks=(("four fifths", 0.45),))
    first, second, third, _, legend = [line.plain for line in draw(part, width, UTC)]
    places = [each.index("┊") if "┊" in each else each.index("┼") for each in (first, second, third)]
    assert len(set(places)) == 1
    assert first.index("┤") < places[0] < third.index("├")
    assert second.index("├") < places[0] < second.index("●")
    assert legend == "  ┊ four fifths 0.45"
    assert max(map(len, (first, second, third, legend))) <= width
    alone = [line.plain for line in draw(replace(part, marks=()), width, UTC)]
    assert len(alone) == 4


def test_the_text_that_says_why_is_not_cut_where_it_stands_beside_a_name() -> None:
    why = "roc_auc is at least 0.74: it was 0.7661 on 26,791 rows, and its interval from 0.7188 to 0.8075 crosses that"
    table = Table.of("t", [{"item": "criterion roc_auc", "stands": why}], "item", "stands")
    told = " ".join(" ".join(str(line) for line in lines(View("x", parts=(table,)), width=50)).split())
    assert told.endswith("crosses that"), told
