"""What people say in Slack as part of an incident's timeline: marked by a shortcut, a 📌 or a pin, and followed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slack_sdk import WebClient

from bots import identity
from bots.buttons import button
from bots.richtext import Block, context, cut, plain
from bots.sender import NotSaid, read
from bots.words import spoken
from mlops_tui import folds
from mlops_tui.declarations.kinds import Team
from mlops_tui.errors import BadInput
from mlops_tui.folds import Incident
from mlops_tui.incidents.incidentstate import standing_for
from mlops_tui.incidents.notes import notes
from mlops_tui.roles import Actor
from mlops_tui.session import ReplayClock, Session
from store.facts import IncidentEvent
from store.ledger import Entry
from store.queues import Asked, Card

SHORTCUT = "add_to_timeline"
CALLBACK = "timeline"     # of the modal that asks which incident
PRESSED = "mark:"         # of the buttons that ask the same
EMOJI = ("pushpin",)
MARK, UNMARK, EDITED, DELETED = KINDS = ("mark", "unmark", "edited", "deleted")
FOLLOWER = Actor("slack", frozenset({"operator"}), "slack")  # follows what became of a message that is noted
PRIVATE = 3000  # letters that a form may carry
NOTE, KEPT, OFFERED = 2000, 1200, 5  # letters of a note, of what a form carries; incidents that are offered
_LINK = re.compile(r"^(?:slack:(\w+)/([\d.]+)|https://[^/]+/archives/(\w+)/p(\d{10})(\d{6}).*)$")
_INCIDENT = "incident"

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Heard:
    """Something that happened to a message: what, by whom, and all that is known of the message without asking."""

    kind: str
    person: str
    message: dict[str, Any]


def heard(event: Body, emoji: Sequence[str]) -> Heard | None:
    """What an event says of a message; None where it is nothing that a timeline follows."""
    kind, person = str(event.get("type")), str(event.get("user") or "")
    match kind:
        case "reaction_added" | "reaction_removed":
            item = event.get("item") or {}
            if item.get("type") != "message" or str(event.get("reaction")).partition("::")[0] not in emoji:
                return None
            made = _message(str(item.get("channel")), {"ts": item.get("ts")}, "reaction")
            return Heard(MARK if kind == "reaction_added" else UNMARK, person, made)
        case "pin_added" | "pin_removed":
            item = event.get("item") or {}
            if item.get("type") != "message":
                return None
            made = _message(str(event.get("channel_id") or item.get("channel")), item.get("message") or {}, "pin")
            return Heard(MARK if kind == "pin_added" else UNMARK, person, made)
        case "message":
            return _changed(event)
    return None


def _changed(event: Body) -> Heard | None:
    """What became of what somebody wrote to others; what an app does to its own messages is no news."""
    channel, before = str(event.get("channel")), event.get("previous_message") or {}
    now = event.get("message") or {}
    gone = event.get("subtype") == "message_deleted" or now.get("subtype") == "tombstone"
    if event.get("subtype") not in ("message_changed", "message_deleted") or event.get("channel_type") == "im":
        return None
    if not gone and (now.get("bot_id") or now.get("text") == before.get("text")):
        return None
    last = {**before, "ts": event.get("deleted_ts") or now.get("ts")} if gone else now
    return Heard(DELETED if gone else EDITED, str(last.get("user") or ""), _message(channel, last, "change"))


def used(body: Body) -> Heard:
    """The shortcut, on one message."""
    message = _message(str((body.get("channel") or {}).get("id")), body.get("message") or {}, "shortcut")
    return Heard(MARK, str(body["user"]["id"]), message)


def _message(channel: str, message: Body, how: str) -> dict[str, Any]:
    """All that is known of it; requests about one message keep their order by its `lane`."""
    ts = str(message.get("ts") or "")
    known = {name: str(message.get(key) or "") for name, key in (("parent", "thread_ts"), ("author", "user"),
                                                                ("said", "text"))}
    return {"at": channel, "ts": ts, "lane": f"{channel}/{ts}", "how": how, "incident": "", **known}


# -- which incident -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meant:
    """The incident that is meant, or those that may be, the newest first."""

    incident: str = ""
    open: tuple[Incident, ...] = ()


def meant(message: Body, entries: Sequence[Entry], cards: Mapping[str, Card], own: str) -> Meant:
    """By its place: an incident's channel, or the thread of a card. Elsewhere the only open one, where it is asked for
    by name or in the bot's `own` channel; else one has to ask."""
    known = folds.incidents(entries)
    open_ = tuple(each for each in reversed(known.values()) if each.open)
    if message["incident"]:
        return Meant(message["incident"], open_)
    if place := _of_channel(entries, message["at"]) or _of_thread(message, open_, cards):
        return Meant(standing_for(known, place), open_)
    if len(open_) == 1 and (message["how"] == "shortcut" or message["at"] == own):
        return Meant(open_[0].id, open_)
    return Meant("", open_)


def _of_channel(entries: Sequence[Entry], channel: str) -> str:
    found = [entry.subject for entry in entries if isinstance(entry.fact, IncidentEvent)
             and entry.fact.event == "channel" and entry.fact.reference == channel]
    return found[-1] if found else ""


def _of_thread(message: Body, open_: Sequence[Incident], cards: Mapping[str, Card]) -> str:
    """The incident whose card, or whose alert's card, the message is or answers."""
    for name, card in cards.items():
        if card.channel == message["at"] and card.reference and card.reference in (message["parent"], message["ts"]):
            kind, _, id = name.partition("/")
            if kind == _INCIDENT:
                return id
            return next((each.id for each in open_ if id in each.alerts), "")
    return ""


# -- asking which -------------------------------------------------------------------------------------------------


def modal(message: Body, where: Body, open_: Sequence[Incident]) -> Block:
    """The form that asks which of the open incidents a message belongs to."""
    carried = {**message, "said": cut(str(message["said"]), KEPT)}
    while len(private := json.dumps({"m": carried, "w": where}, separators=(",", ":"), ensure_ascii=False)) > PRIVATE:
        carried["said"] = cut(carried["said"], len(carried["said"]) // 2)  # control characters take six letters each
    options = [{"text": plain(_named(each), 75), "value": each.id} for each in open_[:100]]
    return {"type": "modal", "callback_id": CALLBACK, "title": plain("Add to timeline", 24),
            "submit": plain("Add", 24), "close": plain("Cancel", 24),
            "private_metadata": private,
            "blocks": [context(f"“{cut(str(message['said']), 200)}”"),
                       {"type": "input", "block_id": "p:incident", "label": plain("Which incident?", 75),
                        "element": {"type": "static_select", "action_id": "value", "options": options,
                                    "initial_option": options[0]}}]}


def submitted(view: Body) -> tuple[dict[str, Any], dict[str, Any]]:
    """The message with the incident that was chosen, and where to answer; BadInput for a form that is none of ours."""
    try:
        found = json.loads(str(view.get("private_metadata") or ""))
        chosen = view["state"]["values"]["p:incident"]["value"]["selected_option"]["value"]
        return {**found["m"], "incident": str(chosen), "how": "chosen"}, dict(found["w"])
    except (ValueError, KeyError, TypeError) as problem:
        raise BadInput("This form is none of ours.", next="Use the shortcut again.") from problem


def offer(message: Body, open_: Sequence[Incident]) -> list[Block]:
    """The same question as buttons, the newest incident first."""
    carried = {name: message[name] for name in ("at", "ts", "parent", "author")}
    made = [button(_named(each), f"{PRESSED}{number}", json.dumps({**carried, "incident": each.id},
                                                                  separators=(",", ":")))
            for number, each in enumerate(open_[:OFFERED])]
    return [{"type": "actions", "elements": made}]


def pressed(value: str) -> dict[str, Any]:
    """The message with the incident of the button; BadInput for a value that none of ours has."""
    try:
        found = json.loads(value)
        made = _message(str(found["at"]), {"ts": str(found["ts"]), "thread_ts": str(found["parent"]),
                                           "user": str(found["author"])}, "chosen")
        return {**made, "incident": str(found["incident"])}
    except (ValueError, KeyError, TypeError) as problem:
        raise BadInput("This button is none of ours.", next="Mark the message again.") from problem


def _named(each: Incident) -> str:
    return f"{each.id} {each.title or each.about}".strip()


# -- what is written ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """What is to be done about a message: command lines, by the person or by who follows; or a question; or neither."""

    argvs: tuple[tuple[str, ...], ...] = ()
    follows: bool = False
    ask: tuple[Incident, ...] = field(default=())
    say: str = ""


@dataclass(frozen=True)
class Reading:
    """A message as it is now; `gone` where it is no longer there."""

    text: str
    author: str
    parent: str = ""
    reactions: tuple[str, ...] = ()
    gone: bool = False


@dataclass(frozen=True)
class Timeline:
    """Works out what a marked, changed or deleted message means for the incidents; asks Slack for what it says now."""

    client: WebClient | None
    emoji: Sequence[str] = EMOJI

    def step(self, session: Session, asked: Asked, cards: Mapping[str, Card], own: str) -> Step:
        """NotSaid where Slack cannot be asked just now."""
        message, entries = dict(asked.body), session.ledger.entries("incident")
        if asked.kind == MARK:
            return self._marked(session, message, entries, cards, own)
        noted = list(standing(entries, message["at"], message["ts"]))
        if not noted:
            return Step()
        now = self._reading(message)
        if asked.kind == DELETED or now.gone:
            return Step(tuple(struck(*each, "deleted in Slack") for each in noted), follows=True)
        if asked.kind == UNMARK:
            still = self._still_marked(message, now)
            return Step() if still else Step(tuple(struck(*each, "no longer marked in Slack") for each in noted))
        text = _note(now.text, session.declared().team)
        return Step(tuple(("incident", "amend", "--", *each, text) for each in noted), follows=True)

    def _marked(self, session: Session, message: dict[str, Any], entries: Sequence[Entry], cards: Mapping[str, Card],
                own: str) -> Step:
        found = meant(message, entries, cards, own)
        if not (found.incident or found.open or any(known.open for known in folds.incidents(entries).values())):
            asked = message["how"] in ("shortcut", "chosen")
            return Step(say="No incident is open." if asked else "")
        now = self._reading(message)
        if now.gone:
            return Step(say="That message is gone.")
        if not found.incident:
            found = meant({**message, "parent": now.parent}, entries, cards, own)
        if not found.incident:
            return Step(ask=found.open) if not list(standing(entries, message["at"], message["ts"])) else Step()
        team = session.declared().team
        when = () if isinstance(session.clock, ReplayClock) else (
            "--at", datetime.fromtimestamp(float(message["ts"]), UTC).isoformat())
        author = identity.actor_of(team, now.author)
        who = ("--who", author.name) if author is not None else ()
        return Step((("incident", "note", "--link", self._link(message), *when, *who, "--", found.incident,
                      _note(now.text, team)),))

    # -- what Slack says ------------------------------------------------------------------------------------------

    def _reading(self, message: Body) -> Reading:
        """What it says now; what came with the request where the bot may not read there."""
        known = Reading(str(message["said"]), str(message["author"]), str(message["parent"]))
        if self.client is None:
            return known
        try:
            found = self._found(message)
        except NotSaid as problem:
            if problem.passing:
                raise
            return known
        if found is None or found.get("subtype") == "tombstone":
            return Reading("", "", gone=True)
        names = tuple(str(each.get("name")) for each in found.get("reactions") or ())
        return Reading(_words(found), str(found.get("user") or ""), str(found.get("thread_ts") or ""), names)

    def _found(self, message: Body) -> Body | None:
        """The message itself: in its channel, or among the answers in a thread."""
        assert self.client is not None
        ts = message["ts"]
        one = {"channel": message["at"], "oldest": ts, "latest": ts, "inclusive": True, "limit": 10}
        found = read(self.client, "conversations.history", one).get("messages") or []
        mine = [each for each in found if each.get("ts") == ts]
        if mine:
            return dict(mine[0])
        try:
            found = read(self.client, "conversations.replies", {
                **one, "ts": message["parent"] or ts}).get("messages") or []
        except NotSaid as problem:
            if str(problem).startswith(("thread_not_found", "message_not_found")):
                return None
            raise
        return next((dict(each) for each in found if each.get("ts") == ts), None)

    def _still_marked(self, message: Body, now: Reading) -> bool:
        """Whether another 📌 or the pin is still on it."""
        if set(now.reactions) & set(self.emoji) or self.client is None:
            return bool(set(now.reactions) & set(self.emoji))
        try:
            items = read(self.client, "pins.list", {"channel": message["at"]}).get("items") or ()
        except NotSaid as problem:
            if problem.passing:
                raise
            return False  # where nobody may look, the mark that was taken away was the last that is known
        return any((each.get("message") or {}).get("ts") == message["ts"] for each in items)

    def _link(self, message: Body) -> str:
        """Its address, the same each time it is asked for; a name of our own where Slack gives none."""
        own = f"slack:{message['lane']}"
        if self.client is None:
            return own
        try:
            asked = {"channel": message["at"], "message_ts": message["ts"]}
            return str(read(self.client, "chat.getPermalink", asked).get("permalink") or own)
        except NotSaid as problem:
            if problem.passing:
                raise
            return own


def standing(entries: Sequence[Entry], channel: str, ts: str) -> Iterator[tuple[str, str]]:
    """The incidents in whose timeline a message stands, each with the link it has there; struck ones are left out."""
    for incident in folds.incidents(entries).values():
        for link, note in notes(incident).items():
            if not (note.struck or incident.merged_into) and place_of(link) == (channel, ts):
                yield incident.id, link


def place_of(link: str) -> tuple[str, str] | None:
    """The channel and the message that a link leads to; None for one that is not Slack's."""
    found = _LINK.match(link)
    if found is None:
        return None
    return (found[1], found[2]) if found[1] else (found[3], f"{found[4]}.{found[5]}")


def struck(incident: str, link: str, why: str) -> tuple[str, ...]:
    return "incident", "strike", "--note", why, "--", incident, link


def _words(message: Body) -> str:
    """What a message says; of one without words, what it brings."""
    files = [str(each.get("name") or "a file") for each in message.get("files") or ()]
    return str(message.get("text") or "") or ", ".join(files)


def _note(text: str, team: Team) -> str:
    """As one would read it, people by the names they have here."""
    names = {person.slack: name for name, person in team.people.items() if person.slack}
    return cut(spoken(text, names).strip(), NOTE) or "a message without words"
