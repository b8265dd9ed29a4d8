"""Python steps of the pipelines: each reads Parquet files and writes one."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def destinations(inputs: dict[str, Path], params: dict[str, Any], out: Path) -> None:
    """The initial great-circle bearing, in degrees from north, of each airport as seen from the given point."""
    airports = pq.read_table(inputs["airports"], columns=["faa", "latitude", "longitude"])
    places = zip(*(airports[name].to_pylist() for name in ("latitude", "longitude")), strict=True)
    bearings = [round(bearing(params["latitude"], params["longitude"], *place), 1) for place in places]
    pq.write_table(pa.table({"faa": airports["faa"], "bearing": pa.array(bearings, pa.float64())}), out)


def bearing(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """The direction in which the shortest way begins, 0 to 360 degrees clockwise from north.

    >>> round(bearing(40.7, -73.9, 33.9, -118.4))  # Los Angeles lies west
    274
    """
    start, end, turn = map(math.radians, (latitude, to_latitude, to_longitude - longitude))
    east = math.sin(turn) * math.cos(end)
    north = math.cos(start) * math.sin(end) - math.sin(start) * math.cos(end) * math.cos(turn)
    return math.degrees(math.atan2(east, north)) % 360
