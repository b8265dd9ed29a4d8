"""What people do in Slack: type commands, press buttons, fill in modals, say and react; and what they see at once."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.local import conversations, hooks, inputs, marks, methods, payloads, shapes
from bots.local.faults import Faults
from bots.local.server import HOST, Server
from bots.local.state import Channel, Json, Refused, State
from bots.local.watching import Watching
from bots.local.wire import Ack

# how Slack words a failed delivery to the person
TOLD = {"timeout": "operation_timeout", "connection_failed": "dispatch_failed", "http_error": "http_service_error"}
PRESSED = {"button", "workflow_button", "icon_button", "feedback_buttons"}


@dataclass(frozen=True)
class Seen:
    """What a person sees at once: how long it took, the answer, field errors, a modal, or Slack's own error."""

    seconds: float = 0.0
    error: str = ""
    text: str = ""
    body: Json | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    modal: Json | None = None
    payload: Json | None = None
    undelivered: str = ""  # an event the app did not take yet: people see nothing of that, and Slack tries again

    @property
    def ok(self) -> bool:
        return not self.error and not self.errors


@dataclass(frozen=True)
class Place:
    """Where a person acts: a message in a channel, or a modal or Home tab."""

    shown: Json
    channel: Channel | None = None

    @property
    def key(self) -> str:
        return str(self.shown["ts"] if self.channel else self.shown["id"])


class People(Watching):
    """The hands of everybody in the workspace; each call waits for the app's acknowledgement, at most three seconds."""

    def __init__(self, state: State, server: Server, faults: Faults, commands: tuple[str, ...]) -> None:
        super().__init__(state)
        self.server, self.faults, self.commands = server, faults, commands
        self.entered: dict[tuple[str, str], Json] = {}

    def slash(self, user: str, text: str = "", channel: str = "", command: str = "") -> Seen:
        """Type a slash command: `slash("ana", "status")`, or with its name `slash("ana", "/mlops status")`."""
        if text.startswith("/") and not command:
            command, _, text = text.partition(" ")
        command = command or self.commands[0]
        if command not in self.commands:
            return Seen(error="unknown_command")
        who, place = self.state.user_id(user), self.place(channel)
        with self.state.lock:
            made = payloads.command(self.state, command, self.state.typed(text.strip(), names=True), who, place)
            made["response_url"] = self.response_url(who, place)
        return self.interact(who, "slash_commands", made, lambda ack: self.spoken(who, place, ack))

    def spoken(self, user: str, channel: Channel, ack: Ack) -> str:
        """An acknowledgement with a body is an answer, as to a response_url."""
        if ack.body and (ack.body.get("text") or ack.body.get("blocks")):
            hooks.say(self.state, channel.id, user, ack.body)
        return ""

    def click(self, user: str, where: Json | str, target: str, *, block_id: str = "", confirm: bool = True) -> Seen:
        """Press the button with this action id or label; `where` is a message, its ts, a view, its id, or "home".

        A message or view given as it looked earlier is a screen that has not caught up: old buttons still work there.
        """
        who = self.state.user_id(user)
        at = self.at(who, where)
        block, element = button(at.shown, target, block_id)
        if element.get("confirm") and not confirm:
            return Seen()
        pressed = pressable(element, target)
        action = {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"],
                  "action_ts": self.state.next_ts()}
        action |= {key: copy.deepcopy(pressed[key]) for key in ("text", "value", "style", "url") if key in pressed}
        return self.acted(who, at, action)

    def choose(self, user: str, where: Json | str, target: str, given: Any) -> Seen:
        """Choose from a menu, boxes or a date, by option text, value or name; the app hears unless it is an input."""
        who = self.state.user_id(user)
        at = self.at(who, where)
        block, element = menu(at.shown, target)
        if "external_select" in element["type"]:
            element = {**element, **self.suggested(who, at, block, element, given)}
        made = inputs.entered(self.state, element, given)
        if element["type"] != "overflow":
            self.keep(who, at, block, element, made)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Seen()
        action = {"action_id": element["action_id"], "block_id": block["block_id"],
                  "action_ts": self.state.next_ts(), **made}
        return self.acted(who, at, action)

    def keep(self, user: str, at: Place, block: Json, element: Json, made: Json) -> None:
        with self.state.lock:
            kept = self.entered.setdefault((user, at.key), {}) if at.channel else at.shown["state"]["values"]
            kept.setdefault(block["block_id"], {})[element["action_id"]] = made

    def suggested(self, user: str, at: Place, block: Json, element: Json, given: Any) -> Json:
        """The options the app supplies for what a person typed into a menu."""
        typed = given if isinstance(given, str) else ""
        within: Json = {"view": copy.deepcopy(at.shown)} if at.channel is None else {
            "message": copy.deepcopy(at.shown), "channel": payloads.place(at.channel)}
        with self.state.lock:
            made = payloads.suggestion(self.state, user, within, block["block_id"], element["action_id"], typed)
        body = self.deliver("interactive", made).body or {}
        return {key: body[key] for key in ("options", "option_groups") if key in body}

    def submit(self, user: str, view_id: str = "", values: Mapping[str, Any] | None = None) -> Seen:
        """Fill in fields by label, action id or block id, and press the modal's submit button."""
        who = self.state.user_id(user)
        with self.state.lock:
            view = self.own_view(who, view_id)
            for name, given in (values or {}).items():
                block, element = inputs.labelled(view, name)
                kept = view["state"]["values"].setdefault(block["block_id"], {})
                kept[element["action_id"]] = inputs.entered(self.state, element, given)
            view["state"]["values"] = inputs.values(view)
            refused = inputs.refusals(view, view["state"]["values"])
            if refused:
                return Seen(errors=refused)
            made = payloads.submission(self.state, who, view, self.response_urls(who, view))
        return self.interact(who, "interactive", made, lambda ack: self.submitted(who, view["id"], ack))

    def response_urls(self, user: str, view: Json) -> list[Json]:
        """A modal may ask where to answer."""
        found = []
        for block, each in shapes.elements(view["blocks"]):
            if each.get("response_url_enabled"):
                entered = view["state"]["values"][block["block_id"]][each["action_id"]]
                channel = self.state.channel(str(entered[inputs.field(each)]))
                found.append({"block_id": block["block_id"], "action_id": each["action_id"], "channel_id": channel.id,
                              "response_url": self.response_url(user, channel)})
        return found

    def submitted(self, user: str, view_id: str, ack: Ack) -> dict[str, str] | str:
        """What the acknowledgement does to the modals; field errors, or the error a person is shown."""
        body = ack.body or {}
        does = body.get("response_action")
        stack = self.state.stacks.get(user, [])
        if does == "errors":
            return self.field_errors(user, view_id, body.get("errors"))
        if does == "clear":
            stack.clear()
        elif does == "push":
            methods.push(self.state, user, shapes.view(self.state, "modal", body.get("view")))
        elif does == "update":
            place = next(number for number, each in enumerate(stack) if each["id"] == view_id)
            stack[place] = shapes.view(self.state, "modal", body.get("view"), stack[place])
        elif does is None:
            stack[:] = [each for each in stack if each["id"] != view_id]
        else:
            return "invalid_response_action"
        return ""

    def field_errors(self, user: str, view_id: str, errors: Any) -> dict[str, str] | str:
        view = self.own_view(user, view_id)
        known = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= known:
            return "invalid_response_action"  # Slack shows errors only beside inputs that exist
        return errors

    def close(self, user: str, view_id: str = "", *, clear: bool = False) -> Seen:
        """Press cancel, or with `clear` the cross that closes the whole stack."""
        who = self.state.user_id(user)
        with self.state.lock:
            view = self.own_view(who, view_id)
            stack = self.state.stacks[who]
            cleared = clear or bool(view["clear_on_close"])
            gone = list(reversed(stack)) if cleared else [view]
            self.state.stacks[who] = [each for each in stack if each not in gone]
            told = [payloads.closed(self.state, who, each, cleared) for each in gone if each["notify_on_close"]]
        seen = [self.interact(who, "interactive", each) for each in told]
        return seen[0] if seen else Seen()

    def mention(self, user: str, text: str, channel: str = "", thread_ts: str = "") -> Seen:
        """Address the app by its name."""
        return self.say(user, f"<@{self.state.bot_user}> {text}", channel, thread_ts)

    def say(self, user: str, text: str, channel: str = "", thread_ts: str = "") -> Seen:
        """Write a message; in a direct conversation with `channel` the person's own name."""
        who, place = self.state.user_id(user), self.place(channel)
        if who not in place.members or place.archived:
            raise LookupError(f"{self.state.user_name(who)} cannot write in {place.name}")
        with self.state.lock:
            text = self.state.typed(text)
            message = payloads.said(self.state, place, who, text, thread_ts)
            place.messages[message["ts"]] = message
            if thread_ts:
                shapes.count_replies(self.state, place, thread_ts)
            if f"<@{self.state.bot_user}>" in text and place.kind != "im":
                self.state.happened.append(payloads.mentioned(message, place))
            self.state.happened.append(shapes.message_event(place, message))
        return self.tell()

    def edit(self, user: str, ts: str, text: str) -> Seen:
        """Change one's own message."""
        who = self.state.user_id(user)
        with self.state.lock:
            channel, message = self.found(ts, who)
            before = copy.deepcopy(message)
            message["text"] = self.state.typed(text)
            message["edited"] = {"user": who, "ts": self.state.next_ts()}
            self.state.happened.append(shapes.changed_event(self.state, channel, message, before))
        return self.tell()

    def delete(self, user: str, ts: str) -> Seen:
        """Take one's own message away."""
        with self.state.lock:
            shapes.remove(self.state, *self.found(ts, self.state.user_id(user)))
        return self.tell()

    def react(self, user: str, emoji: str, ts: str) -> Seen:
        """Add a reaction to a message."""
        with self.state.lock:
            channel, message = self.found(ts)
            marks.react(self.state, channel, message, self.state.user_id(user), emoji)
        return self.tell()

    def pin(self, user: str, ts: str) -> Seen:
        """Pin a message to its channel."""
        with self.state.lock:
            channel, message = self.found(ts)
            marks.pin(self.state, channel, message, self.state.user_id(user))
        return self.tell()

    def unreact(self, user: str, emoji: str, ts: str) -> Seen:
        """Take one's reaction away again."""
        with self.state.lock:
            channel, message = self.found(ts)
            marks.unreact(self.state, channel, message, self.state.user_id(user), emoji)
        return self.tell()

    def unpin(self, user: str, ts: str) -> Seen:
        """Take a pin off its channel."""
        with self.state.lock:
            channel, message = self.found(ts)
            marks.unpin(self.state, channel, message, self.state.user_id(user))
        return self.tell()

    def join(self, user: str, channel: str) -> Seen:
        """Go into a channel that anybody may go into."""
        who, place = self.state.user_id(user), self.place(channel)
        if place.kind != "channel" or place.archived:
            raise LookupError(f"nobody can join {place.name}")
        with self.state.lock:
            conversations.join(self.state, place, who)
        return self.tell()

    def open_home(self, user: str) -> Seen:
        """Open the app's Home tab."""
        who = self.state.user_id(user)
        with self.state.lock:
            self.state.happened.append(payloads.home_opened(self.state, who, self.state.homes.get(who)))
        return self.tell()

    def shortcut(self, user: str, callback_id: str, message: Json | str = "") -> Seen:
        """Use a shortcut, of the app or of one message."""
        who = self.state.user_id(user)
        if not message:
            return self.interact(who, "interactive", payloads.shortcut(self.state, who, callback_id))
        with self.state.lock:
            channel, shown = self.found(message if isinstance(message, str) else str(message["ts"]))
            made = payloads.message_shortcut(self.state, who, callback_id, channel, shown)
            made["response_url"] = self.response_url(who, channel, shown)
        return self.interact(who, "interactive", made)

    def acted(self, user: str, at: Place, action: Json) -> Seen:
        with self.state.lock:
            if at.channel:
                values = self.entered.get((user, at.key), {})
                made = payloads.message_actions(self.state, user, at.channel, at.shown, action, copy.deepcopy(values))
                made["response_url"] = self.response_url(user, at.channel, at.shown)
            else:
                made = payloads.view_actions(self.state, user, at.shown, action)
        return self.interact(user, "interactive", made)

    def interact(self, user: str, kind: str, payload: Json, then: Any = None) -> Seen:
        """Deliver, and report what changed on the person's screen."""
        before = [(each["id"], each["hash"]) for each in self.modals(user)]
        ack = self.deliver(kind, payload)
        error, errors = TOLD.get(ack.error, ack.error), {}
        if not error and then:
            try:
                with self.state.lock:
                    told = then(ack)
            except Refused as refused:
                told = refused.error
            error, errors = ("", told) if isinstance(told, dict) else (told, {})
            self.server.announce()
        after = self.modals(user)
        changed = after and [(each["id"], each["hash"]) for each in after] != before
        text = str((ack.body or {}).get("text") or "") if kind == "slash_commands" else ""
        return Seen(ack.seconds, error, text, ack.body, errors, after[-1] if changed else None, payload)

    def deliver(self, kind: str, payload: Json) -> Ack:
        if self.faults.dark:
            return Ack(0.0, error="slack_unavailable")
        return self.server.wait(self.server.wire.deliver(kind, payload))

    def tell(self) -> Seen:
        """Deliver the events of what a person just did, and wait for each."""
        with self.state.lock:
            happened, self.state.happened = self.state.snapshot(self.state.happened), []
        told = [payloads.event(self.state, each) for each in happened if self.server.tokens.hears(each)]
        if self.faults.dark:
            return Seen(error="slack_unavailable")
        acks = [self.server.wait(self.server.wire.event(each)) for each in told]
        self.server.changed()
        if not acks:
            return Seen()
        missed = next((each.error for each in acks if each.error), "")
        return Seen(max(each.seconds for each in acks), body=acks[0].body, payload=told[0], undelivered=missed)

    def response_url(self, user: str, channel: Channel, original: Json | None = None) -> str:
        ts = str(original["ts"]) if original else ""
        hidden = bool(original and original.get("is_ephemeral"))
        return f"http://{HOST}:{self.server.port}/hooks/{self.state.hook(user, channel.id, ts, hidden)}"

    def found(self, ts: str, author: str = "") -> tuple[Channel, Json]:
        """The message with this ts, wherever it is; raises LookupError."""
        for channel in self.state.channels.values():
            message = channel.messages.get(ts)
            if message:
                if author and message["user"] != author:
                    raise LookupError(f"message {ts} is by {self.state.user_name(message['user'])}")
                return channel, message
        raise LookupError(f"no message {ts}")

    def own_view(self, user: str, view_id: str = "") -> Json:
        stack = self.state.stacks.get(user, [])
        for each in reversed(stack):
            if view_id in ("", each["id"]):
                return each
        raise LookupError(f"{self.state.user_name(user)} has no {view_id or 'open modal'}")

    def at(self, user: str, where: Json | str) -> Place:
        """The message or view that is meant; one given as JSON is taken as the person's screen shows it."""
        if isinstance(where, dict):
            if "ts" not in where:
                return self.at(user, where["id"])
            shown = {key: value for key, value in where.items() if key != "replies"}
            home = where["channel"] if where.get("is_ephemeral") else self.found(where["ts"])[0].id
            return Place(shown, self.state.channel(home))
        if where == "home":
            if user not in self.state.homes:
                raise LookupError(f"{self.state.user_name(user)}'s Home tab is empty")
            return Place(self.state.homes[user])
        if where.startswith("V"):
            return Place(self.own_view(user, where))
        for each in self.state.ephemerals:
            if each["ts"] == where and each["to"] == user:
                return Place(each, self.state.channel(each["channel"]))
        channel, message = self.found(where)
        return Place(message, channel)


def faces(element: Json) -> list[Json]:
    """What a person sees to press in an element: its button, or the two of a question about an answer."""
    return [element[name] for name in ("positive_button", "negative_button") if name in element] or [element]


def label(element: Json) -> str:
    return " / ".join(str((each.get("text") or {}).get("text", "")) for each in faces(element))


def pressable(element: Json, target: str) -> Json:
    """The one face that is meant; raises LookupError where one of two has to be named."""
    found = faces(element)
    named = [each for each in found if target in (label(each), each.get("value"))]
    if len(found) > 1 and not named:
        raise LookupError(f"press one of {label(element)}")
    return (named or found)[0]


def button(shown: Json, target: str, block_id: str = "") -> tuple[Json, Json]:
    """The one button with this action id or label; raises LookupError with the buttons there are."""
    pairs = [(block, each) for block, each in shapes.elements(shown.get("blocks", [])) if each["type"] in PRESSED]
    found = [(block, each) for block, each in pairs if block_id in ("", block["block_id"])
             and (target == each["action_id"] or target in {label(face) for face in faces(each)})]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"[{label(each)}]" for _, each in pairs) or "none"
    raise LookupError(f"{'no' if not found else 'more than one'} button {target!r}; there are: {names}")


def menu(shown: Json, target: str) -> tuple[Json, Json]:
    pairs = [(block, each) for block, each in shapes.elements(shown.get("blocks", [])) if each["type"] not in PRESSED]
    for block, each in pairs:
        if target in (each["action_id"], block["block_id"], (block.get("label") or {}).get("text")):
            return block, each
    raise LookupError(f"no menu {target!r}; there are: {', '.join(each['action_id'] for _, each in pairs) or 'none'}")
