"""What the dashboard remembers of a project for one person."""

from pathlib import Path

import pytest

from mlops_tui.errors import Unreadable
from mlops_tui.tui import cache
from mlops_tui.tui.kept import LONGEST, Kept
from mlops_tui.view import Facts, View


def test_what_one_put_there_is_there_next_time_and_is_no_other_persons(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "ana")
    assert kept.put("theme", "daylight")
    assert kept.put("view/late ones", {"filter": "status:fail"})
    assert not kept.put("theme", "daylight"), "nothing new has to be written"
    kept.write()
    again = Kept(tmp_path, "ana")
    assert again.get("theme", "control-room") == "daylight"
    assert again.under("view/") == {"late ones": {"filter": "status:fail"}}
    assert again.get("theme", 7) == 7, "a value of another type is none"
    assert Kept(tmp_path, "../bo").get("theme", "") == Kept(tmp_path, "").get("theme", "") == ""
    again.put("theme", None)
    again.write()
    assert Kept(tmp_path, "ana").get("theme", "control-room") == "control-room"


def test_two_dashboards_of_one_person_do_not_take_each_others_values(tmp_path: Path) -> None:
    one, other = Kept(tmp_path, ""), Kept(tmp_path, "")
    one.put("view/mine", "a")
    one.write()
    other.put("theme", "daylight")
    other.write()
    assert (Kept(tmp_path, "").under("view/"), Kept(tmp_path, "").get("theme", "")) == ({"mine": "a"}, "daylight")


FAR_TOO_LONG = f'{{"form": 1, "theme": "{"x" * LONGEST}"}}'
UNREAD = ("", FAR_TOO_LONG, "{", "[]", "[" * 9999, '{"form": 0, "theme": "x"}', '{"theme": "x"}', b"\xff\x00")


@pytest.mark.parametrize("text", UNREAD)
def test_what_cannot_be_read_is_forgotten_and_written_over(tmp_path: Path, text: str | bytes) -> None:
    kept = Kept(tmp_path, "ana")
    kept.path.parent.mkdir(parents=True)
    kept.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    kept = Kept(tmp_path, "ana")
    assert kept.under("") == {}
    kept.put("theme", "daylight")
    kept.write()
    assert Kept(tmp_path, "ana").get("theme", "") == "daylight"


def test_nothing_is_written_where_one_may_only_look_or_the_project_is_gone(tmp_path: Path) -> None:
    sealed = Kept(tmp_path, "ana", sealed=True)
    assert not sealed.put("theme", "daylight")
    sealed.write()
    assert sealed.get("theme", "") == "daylight", "it holds while the dashboard is open"
    assert list(tmp_path.iterdir()) == []
    gone = Kept(tmp_path / "gone", "ana")
    gone.put("theme", "daylight")
    gone.write()
    assert not (tmp_path / "gone").exists(), "a project that was deleted stays deleted"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "ana")
    kept.path.mkdir(parents=True)
    kept.put("theme", "daylight")
    with pytest.raises(Unreadable, match="cannot be written"):
        kept.write()


def test_a_picture_that_was_damaged_is_not_shown(tmp_path: Path) -> None:
    cache.keep(tmp_path, "ana", View("flights", parts=(Facts({"form": cache.FORM, "rules": ()}),)))
    assert cache.last(tmp_path, "ana") is not None
    path = cache.path_of(tmp_path, "ana")
    for damaged in (path.read_text().replace("rules", "rules "), path.read_text()[:-1], ""):
        path.write_text(damaged, encoding="utf-8")
        assert cache.last(tmp_path, "ana") is None
    cache.keep(tmp_path, "ana", View("flights", parts=(Facts({"form": cache.FORM, "rules": ()}),)))
    assert cache.last(tmp_path, "ana") is not None, "the next one takes its place"


def test_what_could_not_be_written_is_written_as_soon_as_it_can_be(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "ana")
    kept.path.mkdir(parents=True)
    kept.put("theme", "daylight")
    with pytest.raises(Unreadable):
        kept.write()
    kept.path.rmdir()
    kept.write()
    assert Kept(tmp_path, "ana").get("theme", "") == "daylight"
