"""What stands in a Markdown document: the view's own structure, whatever the data in it look like."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlops_tui.render import grid, prose
from mlops_tui.render.cells import clean
from mlops_tui.render.markdown import as_markdown, escaped, fenced
from mlops_tui.view import Action, Column, Facts, Series, Status, Step, Steps, Table, Text, View
from tests.render.test_terminal import SAMPLES, VIEW

NEW_YORK = ZoneInfo("America/New_York")
READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})  # a referee: it reads GitHub's Markdown, HTML and all
MARKS = st.one_of(st.text(st.sampled_from("ab *_`~[]()<>|#+-=.!&;:/\\\"'1$@\n\t"), max_size=20), st.text(max_size=20),
                  st.sampled_from([
                      "<script>alert(1)</script>", "![x](http://x/y)", "[x](javascript:y)", "a|b", "\\|", "`|`", "***",
                      "# x", "- x", "1. x", "1) x", "===", "---", "&lt;b&gt;", "&#60;b>", "<!-- x -->", "a\n\n# b",
                      "```", "__0__", "a_b", "https://example.org/x",
                      "www.example.org", "[x]: y", "~~x~~", "> x", "    x", "|---|", "x #"]))

THREE = st.lists(MARKS, min_size=3, max_size=3)


def tokens(text: str) -> Iterator[Token]:
    for token in READER.parse(text):
        yield token
        yield from token.children or []


def shown(text: str) -> str:
    """The letters that a reader sees of a paragraph."""
    return "".join(token.content for token in tokens(text) if token.type == "text")


def test_the_answer_comes_first_with_its_status_and_the_next_step_last() -> None:
    lines = as_markdown(SAMPLES["drift"], zone=NEW_YORK, command=("drift", "flights")).splitlines()
    assert lines[0] == "# ■ 2 of 12 columns moved more than they should · fail"
    assert lines[2] == "- **rows reference:** 28,796"
    assert [line[:54] for line in lines[6:9]] == [
        "| column    | status    | moved by |    low |   high |",
        "| --------- | --------- | -------: | -----: | -----: |",
        "| precip    | ■ fail    |   0.0482 | 0.0478 | 0.0486 |"]
    assert lines[13] == "9 more: mlops-tui drift flights --json"
    assert lines[-4:] == ["```sh", "mlops-tui why flights-delay                # Why?",
                          "mlops-tui drift flights-delay --window 7d  # Look again in a week", "```"]


def test_units_stand_in_headings_and_steps_tell_how_they_went() -> None:
    view = View("x", parts=(Table.of("t", [{"a": 1.5, "status": Status.WARN}], Column("a", unit="ms"), title="Times"),
                            Steps((Step("clean", Status.DONE, 1.84, "3 rows"), Step("train", Status.RUNNING)))))
    assert as_markdown(view, zone=NEW_YORK) == """\
# ● x · done

## Times

| status | a \\[ms\\] |
| ------ | -------: |
| ▲ warn |      1.5 |

1. ● done · clean · 1.8 s · 3 rows
2. ◌ running · train
"""


def test_markdown_keeps_its_shape_one_level_down_and_nothing_else_of_it_is_obeyed() -> None:
    body = ("# Why\nIt **rained**, `a|b` <b>hard</b>.\nAnd [x](y).\n\n- one\n  goes on\n- two\n\n| a | b\\|c |\n"
            "|---|---|\n| `x|y` | 2 |\n<!-- gone -->\n```sql\nSELECT '```'\n```\n")
    assert as_markdown(View("x", parts=(Text(body, "markdown"),)), zone=NEW_YORK) == """\
# ● x · done

## Why

It **rained**, `a|b` \\<b\\>hard\\</b\\>. And \\[x\\](y).

- one goes on
- two

| a   | b\\|c |     |
| --- | ---- | --- |
| \\`x | y\\`  | 2   |

````
SELECT '```'
````
"""


def test_plain_text_with_a_layout_keeps_it() -> None:
    view = View("Help", parts=(Text("Usage: x\n\nOptions:\n  --json  one document"), Text("Only 3 rows.\nAgain.")))
    assert as_markdown(view, zone=NEW_YORK).splitlines()[2:] == [
        "```", "Usage: x", "", "Options:", "  --json  one document", "```", "", "Only 3 rows.\\", "Again."]


@pytest.mark.parametrize("text", ["a", "``", "a ``` b", "`````"])
def test_a_fence_is_longer_than_what_it_holds(text: str) -> None:
    [block] = READER.parse(fenced(text, "sh"))
    assert (block.type, block.content, block.info) == ("fence", f"{text}\n", "sh")


@settings(max_examples=400, deadline=None)
@given(MARKS)
def test_data_are_letters_wherever_a_line_holds_them(text: str) -> None:
    said = escaped(text)
    assert "\n" not in said
    for lead in ("", "- ", "## "):
        assert " ".join(shown(lead + said).split()) == " ".join(clean(text).split())
        kinds = {token.type for token in tokens(lead + said)} - {"inline", "text"}
        assert kinds <= {"paragraph_open", "paragraph_close"} | (
            {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"} if lead == "- " else
            {"heading_open", "heading_close"} if lead else set())


@pytest.mark.parametrize("text", ["see https://example.org/x", "www.example.org", "HTTP://EXAMPLE.ORG"])
def test_no_address_in_data_becomes_a_link(text: str) -> None:
    reader = MarkdownIt("gfm-like")
    assert "href" in reader.render(text)
    assert "href" not in reader.render(escaped(text))


@settings(max_examples=200, deadline=None)
@given(st.lists(THREE, min_size=1, max_size=4), THREE)
def test_every_row_of_a_table_has_as_many_cells_as_its_heading(rows: list[list[str]], labels: list[str]) -> None:
    columns = [Column(id, label) for id, label in zip("abc", labels, strict=True)]
    made = Table.of("t", [dict(zip("abc", row, strict=True)) for row in rows], *columns)
    found = [token.content for token in READER.parse(as_markdown(View("x", parts=(made,)), zone=NEW_YORK))
             if token.type == "inline"][1:]
    assert len(found) == 3 * (len(rows) + 1)
    cells = [" ".join(shown(cell).split()) for cell in found[3:]]
    assert cells == [" ".join(clean(cell).split()) for row in rows for cell in row]


@settings(max_examples=150, deadline=None)
@given(VIEW)
def test_no_view_brings_html_links_or_pictures(view: View) -> None:
    text = as_markdown(view, zone=NEW_YORK, command=("drift", "flights"))
    assert text == as_markdown(view, zone=NEW_YORK, command=("drift", "flights"))
    text.encode("utf-8")
    kinds = {token.type for token in tokens(text)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert next(token.tag for token in READER.parse(text) if token.type == "heading_open") == "h1"


@settings(max_examples=200, deadline=None)
@given(st.lists(MARKS, max_size=8).map("\n".join))
def test_markdown_from_people_is_read_without_harm(body: str) -> None:
    text = as_markdown(View("x", parts=(Text(body, "markdown"),)), zone=NEW_YORK)
    assert not {token.type for token in tokens(text)} & {"html_block", "html_inline", "link_open", "image"}
    written = "".join(span.text for block in prose.blocks(Text(body, "plain")) for line in block.lines for span in line)
    assert re.sub(r"\s", "", written) == re.sub(r"\s", "", clean(body)), "plain text loses nothing"


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [{"n": number} for number in range(grid.ROWS + 5)]
    text = as_markdown(View("x", parts=(Table.of("t", rows, "n"),)), zone=NEW_YORK, command=("audit", "log"))
    assert text.endswith("| 199 |\n\n5 more: mlops-tui audit log --json\n")


def test_a_chart_and_an_empty_one_are_text() -> None:
    series = Series("s", "bar", ("a", "`b"), (1.0, 2.0), title="Sizes", y_label="ms")
    text = as_markdown(View("x", parts=(series, Series("t", "line", (), ())), actions=(Action("", ("status",)),)),
                       zone=NEW_YORK)
    assert "## Sizes \\[ms\\]\n\n```\n  a   1.0  ███" in text
    assert "nothing to draw yet" in text
    assert text.endswith("```sh\nmlops-tui status\n```\n")


def test_an_empty_fact_is_still_one() -> None:
    assert as_markdown(View("x", parts=(Facts({"": None}),)), zone=NEW_YORK).endswith("\n- –\n")
