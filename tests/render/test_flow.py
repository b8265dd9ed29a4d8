"""What leads to what: whoever follows the lines of the picture finds every edge."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.render.flow import flow

Edges = Sequence[tuple[str, str]]
STEPS = {"up": (-1, 0), "down": (1, 0), "right": (0, 1), "left": (0, -1)}
WAYS = {"─": "left right", "│": "up down", "╭": "down right", "╮": "down left", "╰": "up right", "╯": "up left",
        "├": "up down right", "┤": "up down left", "┬": "down left right", "┴": "up left right",
        "┼": "up down left right"}
BACK = {"up": "down", "down": "up", "left": "right", "right": "left"}


def pictured(edges: Edges, width: int = 400) -> list[str] | None:
    lines = flow(names_of(edges), edges, width, {})
    return [line.plain for line in lines] if lines is not None else None


def names_of(edges: Edges) -> list[str]:
    return list(dict.fromkeys(name for edge in edges for name in edge))


def read(picture: Sequence[str]) -> set[tuple[str, str]]:
    """The edges that a reader may find: he follows each line from a name, never back to the left, straight over what he
    crosses, to the names that arrows point at."""
    size = max(map(len, picture))
    grid = [line.ljust(size) for line in picture]
    names = {(row, place): found[0] for row, line in enumerate(grid) for found in re.finditer(r"\w+", line)
             for place in range(found.start(), found.end())}
    return {(name, end) for row, line in enumerate(grid) for found in re.finditer(r"\w+", line)
            for name in [found[0]] for end in _follow(grid, names, row, found.end() + 1)}


def _follow(grid: Sequence[str], names: dict[tuple[int, int], str], row: int, column: int) -> set[str]:
    if column >= len(grid[0]) or grid[row][column] not in "─▶":
        return set()
    found: set[str] = set()
    seen: set[tuple[int, int, str]] = set()
    walk = [(row, column, "right")]
    while walk:
        at = walk.pop()
        if at in seen:
            continue
        seen.add(at)
        row, column, going = at
        sign = grid[row][column]
        if sign == "▶":
            found.add(names[row, column + 2])
            continue
        if sign == "│" and going == "right":
            ways = {"right"}  # beneath the upright line
        else:
            ways = {way for way in WAYS[sign].split() if way not in (BACK[going], "left")}
        for way in ways:
            down, along = STEPS[way]
            walk.append((row + down, column + along, way))
    return found


def test_a_pipeline_is_drawn_from_left_to_right() -> None:
    assert pictured([("airports", "destinations"), ("flights", "clean"), ("planes", "clean"),
                     ("destinations", "clean"), ("clean", "carrier_days")]) == [
        "  airports ──▶ destinations ─┬─▶ clean ──▶ carrier_days",
        "  flights  ──────────────────┤",
        "  planes   ──────────────────╯"]


@pytest.mark.parametrize("edges", [
    [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")],
    [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "y"), ("a", "z"), ("z", "w"), ("y", "w")],
    [("s1", "m"), ("s2", "m"), ("s3", "m"), ("m", "t1"), ("m", "t2"), ("s1", "t2"), ("t2", "u"), ("t1", "u")],
    [("a", "z"), ("a", "b"), ("b", "c"), ("c", "z"), ("a", "c")],
])
def test_no_edge_is_lost_in_the_picture(edges: Edges) -> None:
    picture = pictured(edges)
    assert picture is not None
    assert set(edges) <= read(picture), "\n".join(picture)


graphs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]), min_size=1,
                  max_size=12).map(lambda pairs: [(f"n{a}", f"n{b}") for a, b in dict.fromkeys(pairs)])


@given(graphs)
def test_whoever_follows_the_lines_finds_every_edge(edges: Edges) -> None:
    picture = pictured(edges)
    assert picture is not None
    assert set(edges) <= read(picture), "\n".join(picture)


def test_names_are_cut_before_the_picture_is_given_up() -> None:
    edges = [("a_rather_long_name", "another_long_name"), ("another_long_name", "the_last_long_name")]
    lines = flow(names_of(edges), edges, 50, {"the_last_long_name": ("▲", "yellow")})
    assert lines is not None
    assert all(line.cell_len <= 50 for line in lines)
    assert "▲" in lines[0].plain
    assert flow(names_of(edges), edges, 30, {}) is None


def test_what_leads_back_to_itself_is_no_picture() -> None:
    assert pictured([("a", "b"), ("b", "a")]) is None
