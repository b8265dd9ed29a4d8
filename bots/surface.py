"""Slack at work: requests taken in, done, answered; living messages kept; all of it stops when it is told to."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient

from bots.board import PACE, Board
from bots.channels import Channels
from bots.digests import Digests
from bots.door import HOOKS, Door, Signs
from bots.home import Pages
from bots.nudging import Nudging
from bots.pulse import Pulse
from bots.sender import Say, Sender
from bots.web import EARS, Web
from bots.work import Worker
from mlops_tui.daemon import ledger_of
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.queues import Asked, Inbox

SLACK = "https://slack.com/api/"
HANDS = 4          # requests that are worked on at once
EVERY = 0.1        # seconds between two looks into the queues
PATIENCE = 13.0    # seconds that stopping waits for what is in the middle of something: an answer takes TIMEOUT
TIMEOUT = 10       # seconds that an answer of Slack's may take
QUICK = 2          # and where somebody waits for an acknowledgement, which is due within three
SELDOM = 5.0       # seconds between two looks at the hour


@dataclass(frozen=True)
class Settings:
    """What the environment says; tokens are nowhere else, and are never shown."""

    bot_token: str = field(repr=False)
    app_token: str = field(repr=False, default="")
    signing_secret: str = field(repr=False, default="")
    base_url: str = SLACK
    port: int | None = None
    charts: bool = True
    pace: float = PACE

    @classmethod
    def of(cls, environment: Mapping[str, str], declared_url: str = "") -> "Settings":
        """BadInput names the variable that is missing."""
        token, app = environment.get("SLACK_BOT_TOKEN", ""), environment.get("SLACK_APP_TOKEN", "")
        secret, port = environment.get("SLACK_SIGNING_SECRET", ""), environment.get("SLACK_HTTP_PORT", "")
        if not token:
            raise BadInput("SLACK_BOT_TOKEN is not set.", next="Set it, or try everything with: mlops-tui slack local")
        if not port and not app:
            raise BadInput("SLACK_APP_TOKEN is not set.",
                           next="Set it for Socket Mode, or SLACK_HTTP_PORT and SLACK_SIGNING_SECRET for HTTP.")
        if port and not (secret and port.isdecimal() and int(port) < 1 << 16):
            raise BadInput("HTTP wants SLACK_SIGNING_SECRET, and a number as SLACK_HTTP_PORT.")
        url = environment.get("SLACK_API_BASE_URL") or declared_url or SLACK
        return cls(token, app, secret, url.rstrip("/") + "/", int(port) if port else None,
                   environment.get("SLACK_CHARTS", "1") != "0")


def start(session: Session, say: Say) -> "Service | None":
    """Begin to listen and to speak; None where the project has no Slack."""
    declared = session.declared().settings.slack
    if declared is None:
        say("Slack: mlops.yaml says nothing of it")
        return None
    service = Service(session, Settings.of(os.environ, declared.api_base_url), declared.channel, say)
    service.start()
    return service


class Service:
    """The threads of the bot: ears, hands, and one mouth."""

    def __init__(self, session: Session, settings: Settings, channel: str, say: Say) -> None:
        self.session, self.settings, self.say = session, settings, say
        self.client = WebClient(settings.bot_token, settings.base_url, timeout=TIMEOUT, retry_handlers=[])
        self.inbox = Inbox(ledger_of(session).engine)
        root = session.declared().root
        origin = settings.base_url.removesuffix("api/") if settings.base_url != SLACK else HOOKS
        quick = WebClient(settings.bot_token, settings.base_url, timeout=QUICK, retry_handlers=[])
        self.worker = Worker(session, say, settings.charts, self.client)
        self.signs = Signs()
        self.door = Door(self.inbox, lambda: Project(root), quick, origin, say, self.worker.meant, self.signs,
                         lambda: self._team, self.worker.shut)
        self.app = app(self.door, settings)
        self.sender = Sender(self.client, ledger_of(session), say)
        self.board = Board(session, self.client, channel, say, settings.charts, pace=settings.pace)
        self.pages = Pages(session, self.client, say)
        self.digests = Digests(session, channel, say, settings.charts)
        self.nudging = Nudging(session, say, settings.charts)
        self.channels = Channels(session, say, settings.charts)
        self.pulse = Pulse(session, self.signs, self._connected, say)
        self._team = ""
        self._stop = Event()
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="slack-hand")
        self._busy: dict[str, Future[None]] = {}
        self._threads: list[Thread] = []
        self._socket: SocketModeClient | None = None
        self._web = Web(self.app, ledger_of(session), settings, say) if settings.port is not None else None

    def start(self) -> None:
        self.session.data().connect()  # made once, before threads share it
        stopped = self._stop.is_set
        # apart, so that what is wrong with one silences no other
        loops: list[tuple[str, list[Callable[[], object]], float]] = [
            ("slack-work", [self._look, self.worker.tell_ended], EVERY),
            ("slack-send", [lambda: self.sender.round(stopped)], EVERY),
            ("slack-board", [lambda: self.board.round(stopped)], EVERY),
            ("slack-pulse", [self.pulse.round], 1.0),
            ("slack-home", [lambda: self.pages.round(stopped)], EVERY),
            ("slack-digest", [self.digests.round, self.nudging.round, self.channels.round], SELDOM)]
        for name, steps, every in loops:
            self._threads.append(Thread(target=self._loop, args=(steps, every), name=name, daemon=True))
        self._threads.append(Thread(target=self._listen, name="slack-ears", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take nothing more in, finish what is in hand; what is left stays in the queues."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._hands.shutdown(wait=True, cancel_futures=True)
        with suppress(Refusal):  # what cannot be written now is seen as silence
            self.pulse.stop()

    def _loop(self, steps: Sequence[Callable[[], object]], every: float) -> None:
        """Again and again; what goes wrong is said, the other steps go on, and the next turn tries again."""
        while not self._stop.wait(every):
            for step in steps:
                try:
                    step()
                except Exception as problem:  # the end of this surface: a bot that dies of one bad row is no bot
                    self.say(f"■ Slack: {type(problem).__name__}: {problem}")
                    self._stop.wait(1.0)

    def _connected(self) -> bool:
        """Whether Slack can reach us."""
        if self._web is not None:
            return self._web.port > 0
        return self._socket is not None and bool(self._socket.is_connected())

    def _serve(self) -> None:
        self._bind()
        if self._web is not None:
            self._web.serve(self._stop)

    def _bind(self) -> None:
        """Learn which workspace the token is of: before anything is taken, so that nothing of another one is."""
        self._team = self._team or str(self.client.auth_test()["team_id"])

    def _look(self) -> None:
        """Hand out what came in, oldest first."""
        self._busy = {lane: future for lane, future in self._busy.items() if not future.done()}
        held = set(self._busy)
        for asked in self.inbox.waiting():  # one person's requests in their order, and what happened to one message
            lane = str(asked.body.get("lane") or asked.person)
            if lane in held:
                continue
            if self.worker.may_try(asked):
                self._busy[lane] = self._hands.submit(self._deal, asked)
            if "lane" in asked.body:
                held.add(lane)

    def _deal(self, asked: Asked) -> None:
        if self._stop.is_set():
            return
        try:
            self.worker.deal(asked)
        except Exception as problem:  # a bug of ours: the request is tried again, then set aside
            self.worker.broken(asked, problem)

    def _listen(self) -> None:
        """Hold the socket, or serve HTTP; where Slack is away, try again until it is back."""
        if self._web is not None:
            self._loop([self._serve], EVERY)
            return
        handler = SocketModeHandler(self.app, self.settings.app_token, web_client=self.client, concurrency=EARS)
        self._socket = handler.client
        connected: bool | None = None
        while not self._stop.is_set():
            try:
                if not handler.client.is_connected():
                    self._bind()
                    handler.client.connect_to_new_endpoint(force=True)
                    connected = True
                    self.say("Slack: listening")
            except Exception as problem:  # whatever keeps Slack away now may be over in a moment
                if connected is not False:
                    self.say(f"■ Slack: not connected ({_why(problem)}); it is tried again")
                connected = False
            self._stop.wait(1.0)
        _closed(handler.client)


def _closed(client: SocketModeClient) -> None:
    """Close the socket; the client's own reader may take it away meanwhile, and then the rest is still to be closed."""
    for _ in range(2):
        with suppress(AttributeError):
            client.close()
            return


def _why(problem: Exception) -> str:
    """What Slack says of it where it says something, such as invalid_auth."""
    said = problem.response.get("error") if isinstance(problem, SlackApiError) else None
    return str(said or type(problem).__name__)


def app(door: Door, settings: Settings) -> App:
    """A Bolt app that checks signatures where HTTP is served, and leaves everything else to the door."""
    logger = logging.getLogger("mlops_tui.slack")
    logger.setLevel(logging.CRITICAL)
    return App(token=settings.bot_token, signing_secret=settings.signing_secret or None, client=door.client,
               token_verification_enabled=False, request_verification_enabled=settings.port is not None,
               before_authorize=door.receive, logger=logger, listener_executor=ThreadPoolExecutor(1))
