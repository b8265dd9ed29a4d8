"""YAML becomes frozen values, and every mistake is named with file, line and nearest word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import pytest

from mlops_tui.declarations.declare import OutOf, duration, out_of, parse
from mlops_tui.errors import Unreadable


@dataclass(frozen=True)
class Inner:
    name: str
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    title: str
    inner: Inner | None = None
    items: tuple[Inner, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    every: timedelta = timedelta(hours=1)
    after: OutOf | None = None
    mode: Literal["on", "off"] = "on"
    anything: Any = None
    count: int = 0
    from_: str = ""

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count cannot be negative")


def test_every_kind_of_value_is_read() -> None:
    text = """
title: a
inner: {name: b, share: 1}
items: [{name: c}, {name: d, share: .25}]
limits: {ks: 0.02, v: 1}
every: 2d
after: 2 of 3
mode: "off"
anything: [1, {x: null}]
count: 3
from: here
"""
    assert parse(Outer, text, "f.yaml") == Outer(
        title="a", inner=Inner("b", 1.0), items=(Inner("c"), Inner("d", 0.25)), limits={"ks": 0.02, "v": 1.0},
        every=timedelta(days=2), after=OutOf(2, 3), mode="off", anything=[1, {"x": None}], count=3, from_="here")


@pytest.mark.parametrize(("text", "line", "words"), [
    ("title: a\ninnner: {name: b}\n", 2, ["Unknown key 'innner'", "'inner'"]),
    ("title: a\ninner:\n  nam: b\n", 3, ["Unknown key 'nam' in inner", "'name'"]),
    ("inner: {name: b}\n", 1, ["Key 'title' is missing"]),
    ("title: a\ntitle: b\n", 2, ["given twice"]),
    ("title: a\ncount: many\n", 2, ["'count' is a text ('many'), not int"]),
    ("title: a\ncount: true\n", 2, ["'count' is true or false"]),
    ("title: a\nevery: soon\n", 2, ["'soon' is not a duration"]),
    ("title: a\nafter: 4 of 3\n", 2, ["'4 of 3' is not a rule"]),
    ("title: a\nmode: maybe\n", 2, ["'mode' is 'maybe'", "It may be on, off"]),
    ("title: a\nitems: {name: b}\n", 2, ["'items' should be a list"]),
    ("title: [a]\n", 1, ["'title' should be a single value"]),
    ("title: a\ncount: -1\n", 1, ["count cannot be negative"]),
    ("title: 'a\n", 2, ["Not YAML"]),
    ("- a\n", 1, ["should be a mapping"]),
])
def test_a_mistake_names_its_line_and_the_right_word(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(Outer, text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}"
    for word in words:
        assert word in str(caught.value)


def test_an_empty_file_is_said_to_be_empty() -> None:
    with pytest.raises(Unreadable, match="The file is empty"):
        parse(Outer, "# nothing\n", "f.yaml")


@pytest.mark.parametrize(("text", "span"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000),
                                            ("2w", 1_209_600)])
def test_durations(text: str, span: int) -> None:
    assert duration(text) == timedelta(seconds=span)


@pytest.mark.parametrize("text", ["", "h", "-3h", "3 hours", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


def test_out_of() -> None:
    assert out_of("2 of 3") == OutOf(2, 3)
    for text in ("0 of 3", "3", "3 of 2"):
        with pytest.raises(ValueError, match="is not a rule"):
            out_of(text)
