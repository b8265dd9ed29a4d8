"""The list of projects that somebody has opened."""

from pathlib import Path

import pytest

from mlops_tui.declarations import known
from mlops_tui.errors import NotDeclared, Unreadable


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "mlops-tui" / "projects.yaml"


def test_what_is_opened_is_known_from_then_on_once(own: Path, tmp_path: Path) -> None:
    assert known.projects() == {}
    assert known.add("flights", tmp_path / "a") == "flights"
    assert known.add("flights", tmp_path / "b" / ".." / "a") == "flights"
    assert known.add("flights", tmp_path / "b", "staging") == "flights-staging"
    assert known.add("flights", tmp_path / "c") == "flights-2"
    assert known.add("a: b/@c", tmp_path / "d") == "a-b-c"
    assert known.add("no", tmp_path / "ü: #e") == "no"
    assert known.projects() == {"flights": tmp_path / "a", "flights-staging": tmp_path / "b",
                                "flights-2": tmp_path / "c", "a-b-c": tmp_path / "d", "no": tmp_path / "ü: #e"}
    assert own.read_text("utf-8").count("#") == 2, "the comment is there once"
    (tmp_path / "c").mkdir()
    with pytest.raises(NotDeclared, match="is no longer in"):
        known.folder("flights-2")
    (tmp_path / "c" / "mlops.yaml").write_text("project: flights\n", "utf-8")
    assert known.folder("flights-2") == tmp_path / "c"
    with pytest.raises(NotDeclared, match="Did you mean 'flights'"):
        known.folder("fligths")


def test_what_one_wrote_oneself_stays_when_a_project_is_added_or_forgotten(own: Path, tmp_path: Path) -> None:
    own.parent.mkdir()
    own.write_text("# mine\na: /a  # the first\n'b': ~/b", "utf-8")
    known.add("c", tmp_path)
    known.forget("b")
    assert own.read_text("utf-8") == f"# mine\na: /a  # the first\nc: {tmp_path}\n"
    own.write_text("{a: /a, b: /b}\n", "utf-8")
    known.add("c", tmp_path)
    known.forget("a")
    assert known.projects() == {"b": Path("/b"), "c": tmp_path}
    known.forget("b")
    known.forget("c")
    assert known.projects() == {}


@pytest.mark.parametrize("text", ["[a]", "a: [b]", "a: {", "1: /x", "\x00", "a: 3", 'a: "/x\\0y"',
                                  f"a: {'[' * 3000}{']' * 3000}"])
def test_a_list_that_cannot_be_read_is_told_and_not_written_over(own: Path, tmp_path: Path, text: str) -> None:
    own.parent.mkdir()
    own.write_text(text, "utf-8")
    for ask in (known.projects, lambda: known.add("x", tmp_path), lambda: known.folder("x")):
        with pytest.raises(Unreadable):
            ask()
    assert own.read_text("utf-8") == text


def test_what_is_no_file_is_not_taken_for_a_list_that_is_not_there(own: Path, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    own.mkdir(parents=True)
    for ask in (known.projects, lambda: known.add("x", tmp_path)):
        with pytest.raises(Unreadable, match="It is not a file"):
            ask()
    own.rmdir()
    own.symlink_to(own)
    with pytest.raises(Unreadable, match="It is not a file"):
        known.projects()
    monkeypatch.setenv("XDG_CONFIG_HOME", f"/{'x' * 300}")
    with pytest.raises(Unreadable, match="It cannot be read: File name too long"):
        known.projects()


def test_one_line_that_leads_nowhere_keeps_no_other_from_being_found(own: Path, tmp_path: Path) -> None:
    own.parent.mkdir()
    own.write_text(f"a: ~nobody-of-that-name/a\nb: /{'x' * 300}\n", "utf-8")
    (tmp_path / "mlops.yaml").write_text("project: c\n", "utf-8")
    assert known.add("c", tmp_path) == "c"
    assert known.folder("c") == tmp_path
    with pytest.raises(NotDeclared, match="is no longer in"):
        known.folder("a")
    with pytest.raises(Unreadable, match="cannot be looked into: File name too long"):
        known.folder("b")
