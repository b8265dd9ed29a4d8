"""Which declared monitor a measurement judges as, and over which window."""

from dataclasses import replace

from mlops_tui.declarations.kinds import Check, Monitor
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import span
from mlops_tui.session import Session


def watching(session: Session, check: Check, subject: str, name: str | None = None,
             length: str | None = None) -> Monitor:
    """The monitor named, or the only one of that check and subject, or the defaults; `length` overrides its window."""
    if name is not None:
        found: Monitor = session.declared().one("monitor", name)
        if (found.check, found.subject) != (check, subject):
            raise BadInput(f"Monitor '{name}' checks {found.check} of {found.subject}, not {check} of {subject}.")
    else:
        same = watchers(session, check, subject)
        found = session.declared().monitors[same[0]] if len(same) == 1 else Monitor(check=check, subject=subject)
    return replace(found, window=span(length)) if length else found


def monitor_of(session: Session, check: str, dataset: str) -> tuple[str, Monitor | None]:
    """The declared monitor that watches what comes into a dataset; an empty name where none does."""
    monitors = session.project.monitors if session.project is not None else {}
    found = next((name for name, each in monitors.items() if each.check == check and each.subject == dataset), "")
    return found, monitors.get(found)


def watchers(session: Session, check: Check, subject: str) -> list[str]:
    """The names of the monitors of that check and subject."""
    declared = session.declared().monitors
    return [name for name, each in declared.items() if (each.check, each.subject) == (check, subject)]


def limits_from(session: Session, monitor: Monitor, name: str | None, otherwise: str) -> str:
    """Where the limits of a measurement are declared: the file of its monitor, or `otherwise` and why not there."""
    same = [name] if name is not None else watchers(session, monitor.check, monitor.subject)
    if len(same) > 1:
        return f"{otherwise}: {len(same)} monitors watch it, name one with --monitor ({', '.join(same)})"
    return f"monitors/{same[0]}.yaml" if same and monitor.limits else otherwise
