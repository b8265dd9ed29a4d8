"""The points of a declared search: every combination of listed values, or seeded draws where there are ranges."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from mlops_tui.declarations.kinds import Span
from mlops_tui.errors import BadInput

DRAWS = 20  # points where a range makes a grid impossible and nobody says how many
SHARES = (0.1, 0.18, 0.32, 0.56, 1.0)  # of a fold's training rows, along the learning curve
Search = Mapping[str, Span | tuple[Any, ...]]
Point = dict[str, Any]


def points(search: Search, most: int | None = None, seed: int = 0) -> tuple[list[Point], str]:
    """The points to try, all different, and how they were found: `grid` or `random`.

    A grid where all values are listed and there are at most `most` combinations; else `most` draws (20 by default),
    uniform over a list, over a range, or over the logarithm of one. The same seed gives the same points.
    """
    lists = {name: values for name, values in search.items() if not isinstance(values, Span)}
    size = math.prod(map(len, lists.values()))
    if len(lists) == len(search) and (most is None or size <= most):
        return [dict(zip(lists, each, strict=True)) for each in product(*lists.values())], "grid"
    chance, wanted, found = random.Random(seed), most or DRAWS, list[Point]()  # noqa: S311 - no secret
    for _ in range(100 * wanted):
        point = {name: _drawn(values, chance) for name, values in search.items()}
        if point not in found:
            found.append(point)
        if len(found) == wanted:
            break
    return found, "random"


def _drawn(values: Span | tuple[Any, ...], chance: random.Random) -> Any:
    if not isinstance(values, Span):
        return chance.choice(values)
    if values.int_:
        low, high = values.low - 0.5, values.high + 0.5
        drawn = math.exp(chance.uniform(math.log(max(low, 0.5)), math.log(high))) if values.log else \
            chance.uniform(low, high)
        return int(min(max(round(drawn), values.low), values.high))
    if values.log:
        return float(f"{math.exp(chance.uniform(math.log(values.low), math.log(values.high))):.6g}")
    return float(f"{chance.uniform(values.low, values.high):.6g}")


def at_the_edge(tried: Sequence[Mapping[str, Any]], name: str, value: Any) -> str:
    """`the smallest` or `the largest` where the best value of a number is an end of what was tried; else nothing."""
    values = [point[name] for point in tried if name in point]
    if len(set(map(str, values))) < 3 or not all(_number(each) for each in [*values, value]):
        return ""
    return "the smallest" if value <= min(values) else "the largest" if value >= max(values) else ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def pointed(candidate: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate with these parameters instead of its own; those of its steps are `model__C`, `step_1__degree`."""
    if not candidate.get("steps"):
        return {**candidate, "params": {**(candidate.get("params") or {}), **point}}
    steps = [dict(each) for each in candidate["steps"]]
    for name, value in point.items():
        step, param = step_of(len(steps), name)
        steps[step]["params"] = {**(steps[step].get("params") or {}), param: value}
    return {**candidate, "steps": steps}


def declared(candidate: Mapping[str, Any], names: Iterable[str]) -> Point:
    """What the candidate says of these parameters now; those of which it says nothing are left out."""
    steps, found = candidate.get("steps") or (), Point()
    for name in names:
        place, param = step_of(len(steps), name) if steps else (0, name)
        params = (steps[place] if steps else candidate).get("params") or {}
        found |= {name: params[param]} if param in params else {}
    return found


def step_of(steps: int, name: str) -> tuple[int, str]:
    """The step, from 0, whose parameter is meant, and its name there; BadInput where it is none's."""
    own, _, param = name.partition("__")
    places = {**{f"step_{number + 1}": number for number in range(steps - 1)}, "model": steps - 1}
    if own not in places or not param:
        raise BadInput(f"'{name}' is the parameter of no step.", where="search",
                       next=f"Write {' or '.join(f'{each}__PARAMETER' for each in places)}.")
    return places[own], param


def spelled(point: Mapping[str, Any]) -> str:
    """The point in words: `C=10, gamma=0.01`."""
    return ", ".join(f"{name}={value}" for name, value in point.items()) or "as it is"


def need_search(search: Search, where: str) -> None:
    """BadInput where there is nothing to search."""
    if not search:
        raise BadInput("Nothing is declared to search.", where=where,
                       next="Add `search: {learning_rate: {low: 0.02, high: 0.3, log: true}}` to the candidate.")
