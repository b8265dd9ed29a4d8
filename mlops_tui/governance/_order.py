"""What a deployer is told: which version of which model, in place of which one."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_tui.errors import Refusal


class DeployFailed(Refusal):
    """A step of a deployment failed; `log` is what was said meanwhile."""

    code = "deploy_failed"

    def __init__(self, what: str, *, where: str = "", next: str = "", log: str = "") -> None:
        super().__init__(what, where=where, next=next)
        self.log = log


@dataclass(frozen=True)
class Order:
    """One deployment. `id` is the same however often it is taken up again; `project` tells those of two apart."""

    project: str
    model: str
    version: str
    previous: str
    artifact: str
    id: str = ""

    @property
    def filled(self) -> Mapping[str, str]:
        """What words in braces stand for."""
        return {"model": self.model, "version": self.version, "previous": self.previous, "artifact": self.artifact,
                "deployment": self.id}

    @property
    def environment(self) -> Mapping[str, str]:
        """The same as variables."""
        return {f"MLOPS_{name.upper()}": value for name, value in self.filled.items()}
