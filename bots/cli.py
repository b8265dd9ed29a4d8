"""`mlops-tui slack`: the app's manifest, and a Slack on this machine for trying everything with nobody outside."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click

from bots.board import PACE
from bots.doctor import Doctor, code, told
from bots.local.console import Console
from bots.local.memory import NAME, Memory
from bots.local.state import CHANNELS, PEOPLE
from bots.local.weather import KINDS, Weather, wanted
from bots.local.workspace import LocalSlack
from bots.manifest import manifest as manifest_of
from bots.surface import Service, Settings
from mlops_tui.cli import READ_ONLY, says_yes
from mlops_tui.daemon import Daemon, Say, alone
from mlops_tui.errors import BadInput, Denied, NotDeclared, Refusal
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.tui import hangup

AGAIN = "Name a channel in mlops.yaml, such as: slack: {channel: '#ml-flights'}"


@click.group(no_args_is_help=True)
def slack() -> None:
    """Slack: how the app is installed, and one of one's own to try it in.

    With SLACK_BOT_TOKEN and SLACK_APP_TOKEN set, `mlops-tui up` listens to your workspace.
    """


@slack.command()
@click.option("--url", default="", help="The address that Slack sends signed requests to; none: Socket Mode.")
@click.pass_obj
def manifest(root: Path | None, url: str) -> None:
    """The app's manifest, to paste where Slack makes an app: least scopes, one command, Socket Mode.

    \b
    Example: mlops-tui slack manifest
    """
    sys.stdout.write(json.dumps(manifest_of(url, channels=_channels(root)), indent=2) + "\n")


def _channels(root: Path | None) -> bool:
    """Whether the project makes a channel for each incident, which takes more scopes."""
    declared = Project(root).settings.slack if root is not None else None
    return declared is not None and declared.incident_channels


@slack.command()
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The port on 127.0.0.1; 0: a free one.")
@click.option("--pace", default=PACE, show_default=True, help="Seconds between two changes of a message.")
@click.option("--chaos", type=int, default=None, metavar="SEED", help="Let things go wrong, as this seed draws them.")
@click.option("--faults", default="", help=f"Which things, with commas between; all of {', '.join(KINDS)}.")
@click.option("--plain", is_flag=True, help="Lines instead of the client, as without a terminal.")
@click.pass_obj
def local(root: Path | None, port: int, pace: float, chaos: int | None, faults: str, plain: bool) -> None:
    """A Slack on this machine with the people of team.yaml, and the bot in it: no workspace, token or network.

    In a terminal it opens as Slack does: channels, threads, buttons, forms, the app's first page; F2 is somebody else.
    Without one, or with --plain, lines such as `bo: /mlops status` or `bo: click 3` are what people do; `help` says
    them all.

    \b
    Example: mlops-tui slack local
    """
    kinds = wanted(faults)
    if faults and chaos is None:
        raise BadInput("--faults needs --chaos.", next="Give a seed, such as: --chaos 1")
    if root is not None and says_yes(READ_ONLY):
        raise Denied("What people do in Slack is done to the project: read-only, nothing could be tried in it.",
                     next="Run it without --read-only, or outside of a project.")
    session = open_project(root) if root is not None else None
    people, channels = _workspace(session)
    if session is not None:
        alone(session, local=True)
    with LocalSlack(people, channels, port=port, manifest=manifest_of(channels=_channels(root))) as workspace:
        weather = Weather(workspace.faults, chaos, kinds) if chaos is not None else None
        memory = Memory(workspace.state, session.directory / ".mlops" / NAME) if session is not None else None
        with _at_work(memory), _at_work(weather):
            if plain or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
                console = Console(workspace, sys.stdout)
                workspace.faults.told = lambda text: console.write(f"# {text}")
                with _bot(session, workspace, pace, lambda text: console.write(f"# {text}")):
                    console.run(sys.stdin)
            else:
                zone = session.declared().zone if session is not None else UTC
                client: Any = import_module("bots.local.client.app").Client(workspace, zone)
                with _bot(session, workspace, pace, client.tell):
                    hangup.watch()
                    client.run()


@contextmanager
def _at_work(what: Weather | Memory | None) -> Iterator[None]:
    """For as long as the workspace stands, where there is such a thing."""
    if what is None:
        yield
        return
    what.start()
    try:
        yield
    finally:
        what.stop()


@slack.command()
@click.pass_obj
def doctor(root: Path | None) -> None:
    """Whether Slack and the bot hear each other: tokens, scopes, clock, people, signs of life, queues.

    Asks Slack with the tokens of the environment; says nothing there. Exit code 1 where something is broken.

    \b
    Example: mlops-tui slack doctor
    """
    found = Doctor(os.environ, _opened(root) if root is not None else None).checks()
    sys.stdout.write(told(found))
    if code(found):
        raise click.exceptions.Exit(code(found))


def _opened(root: Path) -> Session:
    """The project; not for who sees a part of it only."""
    session = open_project(root)
    if session.only or session.bounds():
        raise Denied(f"{session.actor.name} does not see all data; what Slack is told is made of all.",
                     where="team.yaml, only" if session.only else "access/")
    return session


def _workspace(session: Session | None) -> tuple[dict[str, str], dict[str, str]]:
    """Who is in it, and its channels: as the project declares them."""
    if session is None:
        return dict(PEOPLE), dict(CHANNELS)
    project = session.declared()
    people = {name: person.slack for name, person in project.team.people.items() if person.slack}
    if project.settings.slack is None:
        raise NotDeclared("This project has no Slack.", where=str(project.root / "mlops.yaml"), next=AGAIN)
    if not people:
        raise NotDeclared("Nobody in team.yaml has a Slack id.", where=str(project.root / "team.yaml"),
                          next="Give people one, such as slack: U01")
    channel = project.settings.slack.channel
    return people, {channel.removeprefix("#"): channel if channel.startswith("C") else "C01"}


@contextmanager
def _bot(session: Session | None, workspace: LocalSlack, pace: float, say: Say) -> Iterator[None]:
    """The bot at work for as long as the workspace stands; no project, no bot."""
    if session is None:
        yield
        return
    stop = Event()

    tokens = Settings(workspace.bot_token, workspace.app_token, workspace.signing_secret, workspace.url, pace=pace)
    declared = session.declared().settings.slack
    assert declared is not None
    channel = declared.channel

    def begin(session: Session, say: Say) -> Service:
        service = Service(session, tokens, channel, say)
        service.start()
        return service

    thread = Thread(target=Daemon(session, say, (begin,), stop, local=True).run, name="daemon")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        workspace.faults.drop_sockets()  # Slack's client would wait three seconds for a last frame
        thread.join()


def main(argv: Sequence[str], root: Path | None) -> int:
    """Run it; the exit code."""
    done: object = 0
    try:
        done = slack.main(list(argv), "mlops-tui slack", standalone_mode=False, obj=root)
    except click.exceptions.NoArgsIsHelpError as problem:
        sys.stdout.write(problem.format_message() + "\n")
        return 0
    except click.UsageError as problem:
        raise BadInput(problem.format_message(), next="Try: mlops-tui slack --help") from problem
    except OSError as problem:
        raise Refusal(f"The port cannot be opened: {problem.strerror}.", next="Try another --port.") from problem
    except click.Abort:
        return 130
    return done if isinstance(done, int) else 0  # what a command exits with comes back as its value
