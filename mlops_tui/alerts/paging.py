"""What an alert rule lacks before it may wake people at night: a back-test of the rule as it is, and a runbook."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlops_tui.declarations.alertpolicy import AlertPolicy
from store.facts import Backtested

if TYPE_CHECKING:
    from store.ledger import Entry

MOST = "high"  # the severity of what is not allowed more


def backtests(entries: "Iterable[Entry]") -> dict[str, Backtested]:
    """The newest back-test of each monitor."""
    return {entry.subject: entry.fact for entry in entries if isinstance(entry.fact, Backtested)}


def asks(policy: AlertPolicy) -> bool:
    """Whether it wants more than any rule is allowed."""
    return policy.page or policy.severity == "critical"


def lacks(policy: AlertPolicy, tested: Backtested | None, declaration: str) -> tuple[str, ...]:
    """What is missing before the rule may page or be critical, `declaration` being the monitor's as it is now."""
    found = []
    if tested is None:
        found.append("it was never back-tested")
    elif tested.declaration != declaration:
        found.append("it was changed since its back-test")
    if not policy.runbook:
        found.append("it names no runbook")
    return tuple(found)


def lowered(policy: AlertPolicy, missing: tuple[str, ...]) -> str:
    """Why an alert fires below what its rule asks for; empty where it does not."""
    if not missing or not asks(policy):
        return ""
    wants = " and ".join(["critical"] * (policy.severity == "critical") + ["paging"] * policy.page)
    now = f"fires at {MOST}" if policy.severity == "critical" else "pages nobody"
    return f"{now}, not {wants}: {' and '.join(missing)}" if policy.severity == "critical" else \
        f"{now}: {' and '.join(missing)}"
