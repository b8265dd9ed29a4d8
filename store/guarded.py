"""A model registry of which somebody may not load every model."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.tracking import Tracking

if TYPE_CHECKING:
    from store.vault import Vault


class Guarded(Tracking):
    """The registry, in which `check` is asked for each model before any of its versions is looked up or loaded."""

    def __init__(self, whole: Tracking, check: Callable[[str], None]) -> None:
        super().__init__(whole.uri, whole.artifacts, whole.policy, whole.environment)
        self.whole, self.check = whole, check

    @property
    def _client(self) -> Any:
        return self.whole._client

    @cached_property
    def vault(self) -> "Vault":
        return self.whole.vault

    def _made(self, model: str, version: int | str) -> Any:
        self.check(model)
        return super()._made(model, version)

    def fetch(self, model: str, version: int | str, *, digest: str = "") -> Path:
        self.check(model)
        return self.whole.fetch(model, version, digest=digest)
