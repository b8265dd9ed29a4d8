"""A lake laid over another one: what is written goes into a folder of its own, what is read may come from below."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from store.lake import FileRef, Lake, Manifest
from store.refusal import NotFound
from store.rooms import room

if TYPE_CHECKING:
    import duckdb


class Overlay(Lake):
    """Nothing of the lake below is changed, whatever is done with this one."""

    def __init__(self, below: Lake, root: Path) -> None:
        super().__init__(root, threads=below.threads)
        self.below = below

    def connect(self) -> "duckdb.DuckDBPyConnection":
        return self.below.connect()

    def place_of(self, file: FileRef) -> Path:
        place = super().place_of(file)
        return place if place.exists() else self.below.place_of(file)

    def mask_of(self, file: FileRef) -> Path:
        place = super().mask_of(file)
        return place if place.exists() else self.below.mask_of(file)

    def manifest(self, dataset: str, snapshot: str) -> Manifest:
        try:
            return super().manifest(dataset, snapshot)
        except NotFound:
            return self.below.manifest(dataset, snapshot)

    def document(self, dataset: str, key: str) -> bytes | None:
        found = super().document(dataset, key)
        return found if found is not None else self.below.document(dataset, key)

    def result(self, dataset: str, key: str) -> Manifest | None:
        return super().result(dataset, key) or self.below.result(dataset, key)

    def object(self, digest: str) -> bytes:
        try:
            return super().object(digest)
        except NotFound:
            return self.below.object(digest)


@contextmanager
def overlaid(below: Lake, parent: Path) -> Iterator[Overlay]:
    """An overlay in a folder of `parent` that is gone afterwards; those of processes that were killed go first."""
    with room(parent) as folder:
        yield Overlay(below, folder)
