"""The page of a view: one file that asks nothing of anybody, and in which data are letters and nothing else."""

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.render.html import as_html
from mlops_tui.view import Action, Column, Facts, Status, Step, Steps, Table, Text, View
from tests.render.test_terminal import CELL, SAMPLES, VIEW

NEW_YORK = ZoneInfo("America/New_York")
EMPTY = {"meta", "br"}
ELEMENTS = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "span", "section", "dl", "dt",
            "dd", "div", "table", "thead", "tbody", "tr", "th", "td", "p", "br", "ul", "ol", "li", "pre", "code",
            "strong", "footer", "svg", "desc", "text", "line", "rect", "circle", "polyline", "polygon"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "scope", "tabindex", "aria-hidden", "role",
              "viewbox", "aria-labelledby", "id", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height",
              "points"}
HOSTILE = st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "</title><b>",
                           "' onload='x", "{{ 7 * 7 }}", "{% raw %}", "<!--", "]]>", "&lt;b&gt;", "&#60;b&#62;",
                           "\x00<b>", "</svg><b>", "</pre><b>", "javascript:alert(1)"])


class Reader(HTMLParser):
    """What a browser would find: elements, attributes, letters, and whether every element is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.letters = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.letters += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def page(view: View, **more: str) -> str:
    return as_html(view, zone=NEW_YORK, command=("drift", "flights"), **more)


def pictures(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_needs_nothing_from_outside_and_runs_nothing(name: str) -> None:
    text = page(SAMPLES[name], made="2013-09-14 06:00 EDT", anchor="ab" * 32)
    for word in ("<script", "http://", "https://", "//", "url(", "@import", " src=", "href", "style="):
        assert word not in text, word
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" in text
    found = Reader(text)
    assert found.open == []
    assert set(found.elements) <= ELEMENTS
    assert {key for key, _ in found.attributes} <= ATTRIBUTES


def test_the_page_says_in_words_and_shapes_how_it_stands_and_what_to_type() -> None:
    text = page(SAMPLES["drift"], made="2013-09-14 06:00 EDT", anchor="ab" * 32)
    assert '<span class="fail" aria-hidden="true">■</span> 2 of 12 columns moved' in text
    assert '<span class="status fail">fail</span></h1>' in text
    assert '<th scope="col" class="right">moved by</th>' in text
    assert '<td>precip</td><td class="fail">■ fail</td><td class="right">0.0482</td>' in text
    assert "<code>mlops-tui drift flights-delay --window 7d</code>" in text
    assert "9 more: mlops-tui drift flights --json" in text
    footer = " ".join(Reader(text[text.index("<footer>"):text.index("</body>")]).letters.split())
    assert footer == ("mlops-tui drift flights Made 2013-09-14 06:00 EDT History up to " + "ab" * 32
                      + "; check it with mlops-tui audit verify --anchor " + "ab" * 32)


def test_a_small_page_is_as_it_was_agreed() -> None:
    view = View("a < b", Status.WARN, (
        Facts({"rows_now": 3, "worst": Status.FAIL}), Table.of("t", (), "a", title="Left"),
        Steps((Step("clean", Status.DONE, 1.84, "3 rows"),)), Text("# Why\n- **x** `y`", "markdown"),
        Text("a\n  <b>", "code")), (Action("Look", ("status",)),))
    text = as_html(view, zone=NEW_YORK)
    assert text[text.index("<main>"):] == """\
<main>
<h1><span class="warn" aria-hidden="true">▲</span> a &lt; b <span class="status warn">warn</span></h1>
<section>
<dl>
<dt>rows now</dt><dd>3</dd>
<dt>worst</dt><dd class="fail">■ fail</dd>
</dl>
</section>
<section>
<h2>Left</h2>
<p class="faint">none</p>
</section>
<section>
<ol class="steps">
<li><span class="done">● done</span> clean <span class="faint">1.8 s</span> <span class="detail">3 rows</span></li>
</ol>
</section>
<section>
<h3>Why</h3>
<ul>
<li><strong>x</strong> <code>y</code></li>
</ul>
</section>
<section>
<pre tabindex="0">a
  &lt;b&gt;
</pre>
</section>
<section>
<h2>Next</h2>
<p>Look<br><code>mlops-tui status</code></p>
</section>
</main>
<footer>
</footer>
</body>
</html>"""


@settings(max_examples=100, deadline=None)
@given(VIEW)
def test_no_element_and_no_attribute_comes_from_data(view: View) -> None:
    text = page(view)
    assert text == page(view)
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    found = Reader(text)
    assert found.open == []
    assert set(found.elements) <= ELEMENTS
    assert {key for key, _ in found.attributes} <= ATTRIBUTES
    for picture in pictures(text):
        assert [part.tag for part in picture][:2] == ["title", "desc"]


@settings(max_examples=60, deadline=None)
@given(HOSTILE, CELL)
def test_what_looks_like_a_page_is_shown_as_it_was_typed(text: str, cell: str) -> None:
    parts = (Facts({text: text}), Table.of(text, [{"a": text, "b": cell}], Column("a", text), "b", title=text),
             Steps((Step(text, Status.DONE, detail=text),)), Text(text), Text(text, "code"), Text(text, "markdown"))
    hostile = View(text, Status.FAIL, parts, (Action(text, (text,)),))
    plain = View("x", Status.FAIL, (
        Facts({"x": "x"}), Table.of("x", [{"a": "x", "b": cell}], Column("a", "x"), "b", title="x"),
        Steps((Step("x", Status.DONE, detail="x"),)), Text("x"), Text("x", "code"), Text("x", "markdown")),
        (Action("x", ("x",)),))
    found, as_if = Reader(as_html(hostile, zone=NEW_YORK, command=(text,), made=text, anchor=text)), Reader(
        as_html(plain, zone=NEW_YORK, command=("x",), made="x", anchor="x"))
    assert set(found.elements) <= set(as_if.elements) | {"p"}
    assert {key for key, _ in found.attributes} <= {key for key, _ in as_if.attributes}
    assert text.replace("\x00", "␀") in found.letters
