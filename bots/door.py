"""What Slack delivers: read, kept, acknowledged; nothing else happens before the acknowledgement."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from slack_bolt import BoltRequest, BoltResponse
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bots import buttons, channels, forms, home, identity, timeline
from bots.timeline import Meant
from bots.words import argv_of, typed
from mlops_tui.access import doors
from mlops_tui.commands import named
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.project import Project
from mlops_tui.roles import Actor, Shape
from store.queues import Inbox

LISTENED = ("app_mention", "app_home_opened", "message")
AGAIN = "Nothing was done. Try it again in a moment."
HOOKS = "https://hooks.slack.com/"

Body = Mapping[str, Any]
Where = dict[str, Any]


def _silent(text: str) -> None:
    """Nobody listens."""


def _nowhere(message: Body) -> Meant:
    """No incident is known."""
    return Meant()


def _open(actor: Actor, argv: Sequence[str]) -> bool:
    """Nothing is known that would speak against it."""
    return False


@dataclass
class Signs:
    """When the last request came, when the last one was answered, and how long that took, in seconds."""

    came: float = 0.0
    answered: float = 0.0
    took: float = 0.0


@dataclass(frozen=True)
class Door:
    """Takes a request of Slack's, and answers within its three seconds.

    `origin` is where Slack's own web API lives: answers go there and nowhere else. `meant` says to which incident a
    message belongs; `signs` remembers when something came and was taken. `team` is the workspace that the bot lives in,
    as Slack says it; `shut` whether what somebody asks for is refused whatever he would fill in.
    """

    inbox: Inbox
    project: Callable[[], Project]
    client: WebClient
    origin: str = HOOKS
    say: Callable[[str], None] = _silent
    meant: Callable[[Body], Meant] = _nowhere
    signs: Signs = field(default_factory=Signs)
    team: Callable[[], str] = str
    shut: Callable[[Actor, Sequence[str]], bool] = _open

    def receive(self, req: BoltRequest) -> BoltResponse:
        """The only listener. What cannot be kept is not acknowledged as taken: Slack or the person tries again."""
        self.signs.came = time.time()
        answer = self._received(req.body)
        if answer.status == 200:
            self.signs.answered = time.time()
            self.signs.took = self.signs.answered - self.signs.came
        return answer

    def _received(self, body: Body) -> BoltResponse:
        try:
            if self._elsewhere(body):
                return self._turned_away(body)
            if "command" in body:
                return self._command(body)
            match body.get("type"):
                case "block_actions":
                    return self._press(body)
                case "view_submission":
                    return self._submitted(body)
                case "message_action":
                    return self._shortcut(body)
                case "event_callback":
                    return self._event(body)
                case "url_verification":
                    return _json({"challenge": str(body.get("challenge") or "")})
        except Refusal as problem:
            return _ephemeral(f"■ {problem} {AGAIN}") if "command" in body else BoltResponse(status=503, body="")
        except Exception as problem:  # the end of this surface: a bug of ours is said, and nothing acknowledged
            self.say(f"■ Slack: a request could not be taken: {type(problem).__name__}: {problem}")
            return BoltResponse(status=503, body="")
        return BoltResponse(status=200, body="")

    def _elsewhere(self, body: Body) -> bool:
        """Whether it comes from a workspace that is not the bot's own."""
        team = body.get("team_id") or (body.get("team") or {}).get("id")
        return body.get("type") != "url_verification" and self.team() not in ("", team)

    def _turned_away(self, body: Body) -> BoltResponse:
        """Kept, so that it is recorded; nothing of it is done, and nothing said but where somebody typed it."""
        name = body.get("trigger_id") or body.get("event_id") or (body.get("view") or {}).get("id")
        self.inbox.put(f"elsewhere/{name}", "elsewhere", "", {"argv": []})
        said = "■ This bot belongs to another workspace. Nothing was done."
        return _ephemeral(said) if "command" in body else BoltResponse(status=200, body="")

    # -- what people do -------------------------------------------------------------------------------------------

    def _command(self, body: Body) -> BoltResponse:
        try:
            argv = argv_of(str(body.get("text") or ""))
        except BadInput as problem:
            return _ephemeral(f"■ {problem}")
        where = self._where(channel=body.get("channel_id"), answer=body.get("response_url"))
        where["called"] = f"#{body.get('channel_name') or ''}"
        if self._asks(str(body["user_id"]), argv):
            return self._form(body, argv, where)
        self.inbox.put(f"command/{body['trigger_id']}", "command", str(body["user_id"]), {**where, "argv": argv})
        return _ephemeral(f"◌ `{typed(argv).replace('`', '')}`")

    def _press(self, body: Body) -> BoltResponse:
        action, person = body["actions"][0], str(body["user"]["id"])
        where = self._where_pressed(body)
        key = f"press/{body.get('trigger_id') or action.get('action_ts')}"
        message, pressed = (body.get("container") or {}).get("message_ts"), str(action.get("action_id") or "")
        try:
            if pressed.startswith(timeline.PRESSED):
                marked = timeline.pressed(str(action.get("value") or ""))
                self.inbox.put(key, timeline.MARK, person, {**where, **marked})
                return BoltResponse(status=200, body="")
            if pressed.startswith(channels.ARCHIVE):
                self.inbox.put(key, "archive", person, {**where, "argv": [], "incident": str(action.get("value"))})
                return BoltResponse(status=200, body="")
            if pressed.startswith(home.PAGE):
                self.inbox.put(key, "home", person, {"page": home.page_of(str(action.get("value") or ""))})
                return BoltResponse(status=200, body="")
            press = buttons.decode(str(action.get("value") or ""))
        except BadInput as problem:
            self.inbox.put(key, "refused", person, {**where, "argv": [], "why": str(problem)})
            return BoltResponse(status=200, body="")
        if pressed == "cancel":
            self.inbox.put(key, "cancel", person, {**where, "argv": press.argv})
        elif press.consent is None and self._asks(person, press.argv, press.asks):
            return self._form(body, press.argv, {**where, "replaces": False}, press.asks)
        else:
            if press.consent is not None and where["replaces"] and message:  # a plan of one's own is agreed to once
                key = f"consent/{person}/{message}/{press.consent}"
            self.inbox.put(key, "press", person, {**where, "argv": press.argv, "consent": press.consent})
        return BoltResponse(status=200, body="")

    def _submitted(self, body: Body) -> BoltResponse:
        view = body["view"]
        if view.get("callback_id") == timeline.CALLBACK:
            message, where_ = timeline.submitted(view)
            self.inbox.put(f"form/{view['id']}", timeline.MARK, str(body["user"]["id"]), {**where_, **message})
            return BoltResponse(status=200, body="")
        try:
            argv, reason = forms.argv_from(view.get("state") or {}, str(view.get("private_metadata") or ""))
            wrong = forms.errors(argv, self.project())
        except BadInput as problem:
            wrong = {_first_input(view): str(problem)}
        if wrong:
            return _json({"response_action": "errors", "errors": wrong})
        where = forms.private_of(str(view.get("private_metadata") or ""))
        self.inbox.put(f"form/{view['id']}", "form", str(body["user"]["id"]),
                       {**json.loads(where or "{}"), "argv": argv, "reason": reason})
        return BoltResponse(status=200, body="")

    def _shortcut(self, body: Body) -> BoltResponse:
        """A message for a timeline; where more than one incident may be meant, it is asked which."""
        if body.get("callback_id") != timeline.SHORTCUT:
            return BoltResponse(status=200, body="")
        used = timeline.used(body)
        where = self._where(channel=used.message["at"], thread=used.message["parent"], answer=body.get("response_url"))
        found = self.meant(used.message)
        actor = identity.actor_of(self.project().team, used.person)
        if actor is not None and not found.incident and len(found.open) > 1:
            with suppress(SlackClientError, OSError):  # the person uses it again
                self.client.views_open(trigger_id=str(body["trigger_id"]),
                                       view=timeline.modal(used.message, where, found.open))
            return BoltResponse(status=200, body="")
        self.inbox.put(f"shortcut/{body['trigger_id']}", used.kind, used.person, {**where, **used.message})
        return BoltResponse(status=200, body="")

    def _event(self, body: Body) -> BoltResponse:
        event = body.get("event") or {}
        emoji = self._emoji if event.get("reaction") else ()
        if (about := timeline.heard(event, emoji)) is not None:
            return self._heard(body, about)
        kind, person = str(event.get("type")), str(event.get("user") or "")
        direct = kind == "message" and event.get("channel_type") == "im" and not event.get("subtype")
        if person and not event.get("bot_id") and kind in LISTENED and (kind != "message" or direct):
            where = self._where(channel=event.get("channel"), thread=event.get("thread_ts") or event.get("ts"))
            self.inbox.put(f"event/{body['event_id']}", kind, person, {**where, "text": str(event.get("text") or "")})
        return BoltResponse(status=200, body="")

    def _heard(self, body: Body, about: timeline.Heard) -> BoltResponse:
        """Something happened to a message; what the bot does itself is no news."""
        bots = {str(each.get("user_id")) for each in body.get("authorizations") or ()}
        if about.person not in bots or about.kind == timeline.DELETED:
            where = self._where(channel=about.message["at"], thread=about.message["parent"])
            self.inbox.put(f"event/{body['event_id']}", about.kind, about.person, {**where, **about.message})
        return BoltResponse(status=200, body="")

    @property
    def _emoji(self) -> tuple[str, ...]:
        declared = self.project().settings.slack
        return declared.timeline_emoji if declared is not None else timeline.EMOJI

    # -- forms ----------------------------------------------------------------------------------------------------

    def _asks(self, user: str, argv: Sequence[str], asks: Sequence[str] = ()) -> bool:
        """Whether a form has to be filled in first; nobody is shown the form of what he may not do."""
        actor, found = identity.actor_of(self.project().team, user), named(argv)
        if actor is None or found is None or not (asks or forms.needs_form(argv, self.project())):
            return False
        if not doors.standing(found[0], getattr(found[1], "shape", Shape.ACT)).holds_for(actor):
            return False
        return getattr(found[1], "first", None) is None or not self.shut(actor, argv)

    def _form(self, body: Body, argv: Sequence[str], where: Where, asks: Sequence[str] = ()) -> BoltResponse:
        """Open it at once, since a trigger lives three seconds; it is never tried again."""
        view = forms.modal(argv, private=json.dumps(where, separators=(",", ":")), wanted=asks,
                           project=self.project())
        try:
            self.client.views_open(trigger_id=str(body["trigger_id"]), view=view)
        except (SlackClientError, OSError) as problem:
            why = f"■ The form could not be opened ({problem.__class__.__name__}). {AGAIN}"
            return _ephemeral(why) if "command" in body else BoltResponse(status=200, body="")
        return BoltResponse(status=200, body="")

    # -- where answers go -----------------------------------------------------------------------------------------

    def _where(self, *, channel: Any = None, thread: Any = None, answer: Any = None, replaces: bool = False) -> Where:
        """A place to answer to; an address that is not Slack's own is none."""
        ours = str(answer or "")
        return {"channel": str(channel or ""), "thread": str(thread or ""),
                "answer": ours if ours.startswith((HOOKS, self.origin)) else "", "replaces": replaces}

    def _where_pressed(self, body: Body) -> Where:
        container = body.get("container") or {}
        message, channel = body.get("message") or {}, (body.get("channel") or {}).get("id")
        hidden = bool(container.get("is_ephemeral"))
        own = None if hidden else container.get("message_ts")
        thread = message.get("thread_ts") or container.get("thread_ts") or own
        return self._where(channel=channel, thread=thread, answer=body.get("response_url"), replaces=hidden)


def _first_input(view: Body) -> str:
    """The block beside which an error is shown that is no single input's."""
    return next((str(each.get("block_id")) for each in view.get("blocks") or () if each.get("type") == "input"), "")


def _ephemeral(text: str) -> BoltResponse:
    """Seen by nobody but who asked."""
    return _json({"response_type": "ephemeral", "text": text[:3000]})


def _json(content: Mapping[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=json.dumps(content), headers={"content-type": ["application/json"]})
