"""Wishes that come faster than they are answered."""

from mlops_tui.tui.parts.newest import Newest


def test_of_the_wishes_that_wait_only_the_newest_is_looked_up() -> None:
    looked: list[str] = []
    wishes = Newest(looked.append)
    for wish in ("a", "b", "c", "d"):
        wishes.want(wish)
    assert looked == ["a"]
    assert not wishes.answered("a")
    assert looked == ["a", "d"]
    assert wishes.answered("d")
    assert looked == ["a", "d"]


def test_what_is_looked_up_already_is_not_looked_up_twice() -> None:
    looked: list[str] = []
    wishes = Newest(looked.append)
    wishes.want("a")
    wishes.want("b")
    wishes.want("a")
    assert wishes.answered("a")
    assert looked == ["a"]


def test_after_a_look_that_broke_the_same_can_be_wanted_again() -> None:
    looked: list[str] = []
    wishes = Newest(looked.append)
    wishes.want("a")
    wishes.forget()
    wishes.want("a")
    assert looked == ["a", "a"]
