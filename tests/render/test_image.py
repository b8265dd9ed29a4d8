"""Pictures as files: the same bytes for the same series, names that are letters only, nothing for nothing."""

import struct
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from mlops_tui.errors import BadInput
from mlops_tui.render.image import image, images
from mlops_tui.view import Series, Text
from tests.render.samples import CALIBRATION
from tests.render.test_terminal import SAMPLES

DRAWN = [part for view in SAMPLES.values() for part in view.parts if isinstance(part, Series)]
ODD = "$x^2$ [bold]<script>\x1b[31m 漢字"


def test_every_kind_of_series_is_drawn_in_both_formats_and_always_alike() -> None:
    kinds = {part.kind: part for part in DRAWN} | {"band": Series("b", "band", (0, 1), (0, 1), (0, 0), (1, 1))}
    assert set(kinds) == {"line", "band", "bar", "bins", "heat", "interval", "graph"}
    for part in kinds.values():
        made = image(part, UTC, "png")
        assert made.startswith(b"\x89PNG")
        assert min(struct.unpack(">II", made[16:24])) > 500, "large enough for a slide"
        assert made == image(part, UTC, "png")
        svg = image(part, UTC, "svg")
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert svg == image(part, UTC, "svg")


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("kind", ["line", "band", "bar", "bins", "heat", "interval", "graph"])
def test_names_are_letters_and_nothing_else(kind: str) -> None:
    part = Series(ODD, kind, (ODD, "b"), (1.0, 2.0), names=(ODD, ODD), title=ODD, x_label=ODD, y_label=ODD)  # type: ignore[arg-type]
    assert ElementTree.fromstring(image(part, UTC, "svg")).tag.endswith("svg")
    assert list(images([part], UTC, "svg")) == ["x-2-bold-script-31m-漢字.svg"], "no path and no control character"


@pytest.mark.parametrize("kind", ["line", "band", "bar", "bins", "heat", "interval", "graph"])
def test_nothing_is_drawn_of_nothing(kind: str) -> None:
    assert image(Series("s", kind, (), ()), UTC, "png") == b""  # type: ignore[arg-type]
    assert images([Series("s", kind, (), ()), Text("words")], UTC, "png") == {}  # type: ignore[arg-type]


def test_a_circle_of_what_leads_to_what_has_no_picture() -> None:
    assert image(Series("s", "graph", ("a", "b"), ("b", "a")), UTC, "svg") == b""


def test_two_pictures_of_one_name_are_two_files() -> None:
    part = Series("roc", "line", (0, 1), (0, 1))
    assert list(images([part, part], UTC, "png")) == ["roc.png", "roc-more.png"]
    assert list(images(CALIBRATION.parts, UTC, "png"))[:1] == ["share.png"]


def test_times_and_gaps_are_drawn_where_they_are() -> None:
    days = tuple(datetime(2013, 6, 1, tzinfo=UTC) + timedelta(days=day) for day in range(4))
    whole, gap = (image(Series("s", "line", days, values), UTC, "svg") for values in ((1, 2, 3, 4), (1, None, 3, 4)))
    assert whole != gap


def test_another_format_is_refused() -> None:
    with pytest.raises(BadInput, match="png or svg, not 'gif'"):
        image(DRAWN[0], UTC, "gif")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_named_place_of_intervals_is_drawn() -> None:
    part = Series("s", "interval", ("a", "b"), (0.2, 0.8), (0.1, 0.7), (0.3, 0.9))
    marked = Series("s", "interval", ("a", "b"), (0.2, 0.8), (0.1, 0.7), (0.3, 0.9), marks=((ODD, 0.5),))
    plain, named = (ElementTree.fromstring(image(each, UTC, "svg")) for each in (part, marked))
    assert len(list(named.iter())) > len(list(plain.iter()))
