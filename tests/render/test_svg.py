"""Pictures of series: well-formed, inside their frame, told in a sentence, and true to their numbers."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_tui.render.svg import WIDTH, described, picture, ticks
from mlops_tui.view import Series
from tests.render.test_terminal import CELLS, TEXT

JUNE = datetime(2013, 6, 1, tzinfo=UTC)
KINDS = ("line", "band", "bar", "bins", "interval", "heat")
EXTREME = st.one_of(st.none(), st.integers(-10, 10), st.floats(allow_nan=False, allow_infinity=False),
                    st.sampled_from([0.0, 5e-324, -5e-324, 1e299, -1e299, 1e17, 1e17 + 16]))
VALUES = st.lists(EXTREME, max_size=45).map(tuple)
SERIES = st.builds(Series, id=st.just("s"), kind=st.sampled_from(KINDS), x=CELLS, y=VALUES, low=VALUES, high=VALUES,
                   other=VALUES, names=st.lists(TEXT, max_size=4).map(tuple), title=TEXT, x_label=TEXT, y_label=TEXT)


def drawn(kind: str, **how: object) -> ElementTree.Element:
    given = {"x": ("a", "b"), "y": (1.0, 2.0), "title": "t"} | how
    return ElementTree.fromstring(picture(Series("s", kind, **given), UTC, "p"))  # type: ignore[arg-type]


def found(image: ElementTree.Element, tag: str, kind: str = "") -> list[dict[str, str]]:
    return [part.attrib for part in image.iter(tag) if kind in part.attrib.get("class", "").split() or not kind]


def texts(image: ElementTree.Element) -> list[str]:
    return [part.text or "" for part in image.iter("text")]


@settings(max_examples=300, deadline=None)
@given(SERIES)
@example(Series("s", "line", (1.0, 2.0), (5e-324, 0.0)))
@example(Series("s", "interval", ("a",), (1e299,), (-1e299,), (1e299,)))
def test_any_series_is_well_formed_and_stays_in_its_frame(series: Series) -> None:
    text = picture(series, UTC, "picture-1")
    assert text == picture(series, UTC, "picture-1")
    if not text:
        return
    image = ElementTree.fromstring(text)
    height = float(image.attrib["viewBox"].split()[3])
    assert image.attrib["aria-labelledby"].split() == [image[0].attrib["id"], image[1].attrib["id"]]
    assert image[1].text
    for part in image.iter():
        for name, value in part.attrib.items():
            if name in ("x", "x1", "x2", "cx"):
                assert -1 <= float(value) <= WIDTH + 1
            elif name in ("y", "y1", "y2", "cy"):
                assert -1 <= float(value) <= height + 1
            elif name in ("width", "height"):
                assert 0 < float(value) <= WIDTH
        for point in part.attrib.get("points", "").split():
            x, y = map(float, point.split(","))
            assert -1 <= x <= WIDTH + 1
            assert -1 <= y <= height + 1


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_draw_is_no_picture(kind: str) -> None:
    for values in ((), (None, None)):
        assert picture(Series("s", kind, ("a", "b"), values), UTC, "p") == ""  # type: ignore[arg-type]
    assert picture(Series("s", "graph", ("a",), ("b",)), UTC, "p") == ""


def test_a_curve_has_a_gap_where_a_value_is_missing_and_the_second_is_dashed() -> None:
    days = tuple(JUNE + timedelta(days=day) for day in range(5))
    image = drawn("line", x=days, y=(1.0, 2.0, None, 4.0, 3.0), other=(2.0,) * 5, names=("seen", "predicted"))
    first, second = found(image, "polyline", "one"), found(image, "polyline", "two")
    assert [len(each["points"].split()) for each in first] == [2, 2]
    assert len(second) == 1
    assert texts(image)[-2:] == ["seen", "predicted"]
    assert {"1 Jun", "3 Jun", "5 Jun"} <= set(texts(image))
    heights = [float(point.split(",")[1]) for each in first for point in each["points"].split()]
    assert sorted(heights, reverse=True) == [heights[0], heights[1], heights[3], heights[2]], "up is more"


def test_a_point_by_itself_is_a_dot() -> None:
    assert len(found(drawn("line", y=(1.0, None)), "circle")) == 1


def test_limits_are_a_band_around_the_curve() -> None:
    image = drawn("band", x=(0, 1, 2), y=(2.0, 2.0, 2.0), low=(1.0, None, 1.0), high=(3.0, 3.0, 3.0))
    assert [len(each["points"].split()) for each in found(image, "polygon", "band")] == [2, 2]


def test_bars_are_as_long_as_their_numbers_and_the_other_is_a_mark() -> None:
    image = drawn("bar", x=("a", "b", "c"), y=(1.0, 2.0, -1.0), other=(2.0, None, None), names=("now", "before"))
    one, two, three = found(image, "rect", "bar")[:3]
    assert float(two["width"]) == pytest.approx(2 * float(one["width"]), abs=0.2)
    assert float(three["x"]) + float(three["width"]) == pytest.approx(float(one["x"]), abs=0.2), "left of zero"
    [mark] = [each for each in found(image, "line", "mark") if each["x1"] == each["x2"]]
    assert float(mark["x1"]) == pytest.approx(float(two["x"]) + float(two["width"]), abs=0.2)
    assert {"a", "b", "c", "1.0", "2.0", "-1.0", "now", "before"} == set(texts(image))


def test_more_rows_than_one_reads_are_counted() -> None:
    image = drawn("bins", x=tuple(range(40)), y=tuple(range(40)))
    assert "10 more" in texts(image)
    assert len(found(image, "rect", "bar")) == 30


def test_an_interval_spans_its_ends_and_holds_its_estimate() -> None:
    image = drawn("interval", y=(2.0, None), low=(1.0, None), high=(4.0, None))
    line = next(each for each in found(image, "line", "one") if each["y1"] == each["y2"])
    [dot] = found(image, "circle")
    start, at, end = float(line["x1"]), float(dot["cx"]), float(line["x2"])
    assert (at - start) / (end - start) == pytest.approx(1 / 3, abs=0.01)


def test_heat_has_a_shade_and_a_number_for_each_value_and_none_for_what_is_missing() -> None:
    image = drawn("heat", x=("w1", "w2"), y=(0.0, 1.0, None, 0.5), names=("precip", "temp"))
    assert [each["class"] for each in found(image, "rect", "heat")][:3] == ["heat h0", "heat h4", "heat h2"]
    assert texts(image)[:2] == ["precip", "temp"]
    assert {"0", "1.0", "0.5", "w1", "w2"} <= set(texts(image))


def test_heat_on_a_scale_of_its_own_is_dark_where_every_value_is_the_worst() -> None:
    image = drawn("heat", x=("w1", "w2", "w3"), y=(3, 3, 5), names=("Mon",), low=(0,), high=(3,))
    assert [each["class"] for each in found(image, "rect", "heat")] == ["heat h4"] * 3 + ["heat h0", "heat h4"]
    assert texts(image)[-2:] == ["0", "3"]
    image = drawn("heat", x=("w1", "w2"), y=(0, 0), names=("Mon",), low=(0,), high=(3,))
    assert [each["class"] for each in found(image, "rect", "heat")][:2] == ["heat h0"] * 2


def test_a_picture_is_told_in_a_sentence() -> None:
    series = Series("s", "line", (JUNE, JUNE + timedelta(days=1)), (0.25, 0.5), other=(None, 0.1), names=("seen",))
    assert described(series, UTC) == ("2 places, 1 Jun to 2 Jun; "
                                      "seen: first 0.25, last 0.50, lowest 0.25, highest 0.50; "
                                      "others: first 0.1, last 0.1, lowest 0.1, highest 0.1.")


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_ticks_are_few_round_and_on_the_axis(low: float, room: float) -> None:
    room = max(room, abs(low) * 1e-6)
    found = [place for place, _ in ticks((low, low + room))]
    assert 1 <= len(found) <= 7
    assert all(low - room * 1e-3 <= place <= low + room * (1 + 1e-3) for place in found)
    steps = [second - first for first, second in pairwise(found)]
    assert all(step == pytest.approx(steps[0], rel=1e-2) for step in steps)


def test_ticks_are_what_a_person_would_write() -> None:
    assert [text for _, text in ticks((0.13, 0.36))] == ["0.15", "0.20", "0.25", "0.30", "0.35"]
    assert [text for _, text in ticks((0, 17000))] == ["0", "5,000", "10,000", "15,000"]


def test_named_places_of_a_curve_are_lines_with_their_names() -> None:
    image = drawn("band", x=(0.0, 1.0), y=(1.0, 2.0), marks=(("now", 0.5), ("far away", 7.0), ("never", None)))
    assert [line["x1"] == line["x2"] for line in found(image, "line", "two")] == [True]
    assert "now" in texts(image)
    assert "far away" not in texts(image)


def test_a_named_place_of_intervals_is_a_line_across_them() -> None:
    part = Series("s", "interval", ("a", "b"), (0.2, 0.8), (0.1, 0.7), (0.3, 0.9), marks=(("limit", 0.5),))
    drawn = ElementTree.fromstring(picture(part, UTC, "s"))
    [line] = [each for each in drawn.iter() if each.get("class") == "two line"]
    dots = [float(each.get("cx", 0)) for each in drawn.iter() if each.get("class") == "one dot"]
    assert line.get("x1") == line.get("x2")
    assert float(line.get("x1", 0)) == pytest.approx(sum(dots) / 2, abs=0.2), "halfway between 0.2 and 0.8"
