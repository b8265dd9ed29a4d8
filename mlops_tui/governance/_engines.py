"""Audits whose values another library computes: Fairlearn or AIF360, where they define a metric as we do."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast

from mlops_tui.analysis.fairness import Cells
from mlops_tui.errors import need_extra
from mlops_tui.view import Cell, Row

ENGINES = ("fairlearn", "aif360")
ALIKE = 1e-9  # two libraries that sum in different orders agree to this
Values = Mapping[tuple[str, str], float]


class Engine(Protocol):
    """What a module of an engine has to offer."""

    def values(self, cells: Cells, reference: int, *, overall: bool) -> Values:
        """Values of metrics by name and group, of all groups under an empty one; what it has no notion of is absent."""


def replaced(rows: list[Row], cells: Cells, reference: int, engine: str, *, overall: bool) -> dict[str, Cell]:
    """Put the engine's values in the place of ours, and say how many it knows and where it differs.

    What is undefined stays so (Fairlearn calls it 0). Intervals stay ours: neither library has any for all of these.
    MissingExtra where the library is not installed.
    """
    need_extra(engine, "fairness")
    found = cast("Engine", import_module(f"mlops_tui.governance._engine_{engine}")).values(cells, reference,
                                                                                          overall=overall)
    differs, count = [], 0
    for place, row in enumerate(rows):
        key, own = (str(row["metric"]), str(row["group"])), row["value"]
        if key in found and isinstance(own, float):
            count += 1
            if abs(found[key] - own) > ALIKE * max(abs(own), 1.0):
                differs.append(" ".join(key).strip())
            rows[place] = {**row, "value": found[key], "engine": engine}
    facts: dict[str, Cell] = {"engine": f"{engine} {version(engine)}", "values_of_the_engine": count,
                              "values_in_all": len(rows)}
    return facts | ({"engine_differs": tuple(differs)} if differs else {})
