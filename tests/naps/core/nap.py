"""Work that takes as long as it is told, for tests of jobs."""

import time
from contextlib import suppress

import click

from mlops_tui.capability import Plan, act, measure, noun
from mlops_tui.errors import Refusal
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, View

nap = noun("nap", __doc__ or "", subject="take")


@measure(of=nap)
@click.argument("seconds", type=float)
@click.option("--deaf", is_flag=True, help="Do not hear a polite request to stop.")
@click.option("--silent", is_flag=True, help="Report no progress, so that nothing polite is ever heard.")
@click.option("--fail", is_flag=True, help="End with a bug.")
def take(session: Session, seconds: float, deaf: bool, silent: bool, fail: bool) -> View:
    """Take a nap.

    \b
    Example: mlops-tui nap 2
    """
    until, step = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with suppress(*((Refusal,) if deaf else ())):
            if not silent:
                session.progress(step, int(seconds * 100), f"napping, breath {step}")
            time.sleep(0.01)
        step += 1
    if fail:
        raise ValueError("a bad dream")
    return View("Slept well", Status.FAIL if seconds < 0 else Status.DONE,
                (Facts({"who": session.actor.name, "through": session.actor.source}),))


@act(of=nap)
def sell(session: Session) -> Plan:
    """Sell the bed.

    \b
    Example: mlops-tui nap sell
    """
    return Plan(View("Would sell the bed"), lambda: View(f"{session.actor.name} sold the bed"))
