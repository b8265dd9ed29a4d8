"""The only one who talks to Slack: what is to be said goes out once, in order, as fast as Slack allows."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bots.pictures import holds_chart, redrawn
from store.ledger import Ledger
from store.pulses import Pulses
from store.queues import Card, Cards, Outbox, Said

PACE = 1.05          # seconds between two messages in a channel
LONGEST = 60.0       # seconds between two tries
SETTLE = 5.0         # seconds after which what Slack took without an answer stands, or never will
SKEW = 3600.0        # seconds by which the clocks of Slack and of this machine may differ
EVENT = "mlops_tui_said"
# Answers after which it may have been said all the same, or will be when Slack is well again.
UNSURE = frozenset({"fatal_error", "internal_error", "request_timeout"})
AWAY = frozenset({"service_unavailable", "team_added_to_org", "ratelimited", "rate_limited"})
# What somebody mends outside, by an invitation or a token: it goes out then, however late.
MENDABLE = frozenset({"not_in_channel", "invalid_auth", "account_inactive", "token_revoked", "token_expired"})
REFUSED = "slack/charts"       # when a chart was last refused
REMEMBERED = 7 * 24 * 3600.0   # seconds after which one is tried again: workspaces learn
LOOKED_UP, CREATE = "chat.postMessage", "conversations.create"
# What has its effect once, however often it is asked for; and what Slack answers the second time.
REPEATABLE = frozenset({"chat.update", "views.publish", CREATE, "conversations.invite", "conversations.setTopic",
                        "conversations.archive"})
SO_ALREADY = ("already_in_channel", "already_archived")
NAMES = 5            # that are tried for a channel where others have taken the first ones

Say = Callable[[str], None]


class NotSaid(Exception):
    """Slack did not take it, surely; `after` seconds it may be tried again, None: never."""

    def __init__(self, why: str, after: float | None, *, counted: bool = True) -> None:
        super().__init__(why)
        self.after, self.counted = after, counted

    @property
    def passing(self) -> bool:
        """Whether it may be over in a moment, without anybody mending anything."""
        return self.after is not None and (not self.counted or self.after < LONGEST)


class PerhapsSaid(Exception):
    """The answer was lost: it stands there, or it does not."""


@dataclass(frozen=True)
class Charts:
    """Whether this workspace takes Slack's own charts, kept over restarts; where it does not, they are redrawn."""

    pulses: Pulses
    clock: Callable[[], float] = time.time

    @property
    def refused(self) -> bool:
        seen = self.pulses.seen(REFUSED)
        return seen is not None and self.clock() - seen.at < REMEMBERED

    def said(self, body: Mapping[str, Any], say: Callable[[Mapping[str, Any]], str]) -> str:
        """Say it, without its charts where they are refused; they are to blame only if it is taken without them."""
        if not holds_chart(body):
            return say(body)
        if self.refused:
            return say(redrawn(body))
        try:
            return say(body)
        except NotSaid as problem:
            if "invalid_blocks" not in str(problem):
                raise
        reference = say(redrawn(body))
        self.pulses.beat(REFUSED, self.clock())
        return reference


@dataclass
class Sender:
    """Empties the outbox; one at a time has the lease."""

    client: WebClient
    ledger: Ledger
    say: Say
    clock: Callable[[], float] = time.time
    _free: dict[str, float] = field(default_factory=dict)  # when a channel, or a method, may be used again

    def __post_init__(self) -> None:
        self.outbox, self.cards = Outbox(self.ledger.engine), Cards(self.ledger.engine)
        self.charts = Charts(Pulses(self.ledger.engine), self.clock)

    def round(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Send what may be sent now, until `stop`; how much that was. What Slack did not take is not overtaken."""
        done, now, places = 0, self.clock(), dict[str, str]()
        self._free = {name: at for name, at in self._free.items() if at > now}
        held = set(self._free)
        for said in self.outbox.due(now, 200, held=held):
            if stop():
                break
            if said.channel not in places:  # one channel, whether it was called by its name or its id
                places[said.channel] = self._channel(said.channel) or said.channel
            place = places[said.channel]
            if place and place in held:
                continue
            if self.clock() < max(self._free.get(place, 0), self._free.get(said.method, 0)):
                held.add(place)
                continue
            settled = self._deal(said)
            done += settled
            if not settled:
                held.add(place)
            if said.method == LOOKED_UP:
                self._hold(place, PACE)
        return done

    def _deal(self, said: Said) -> bool:
        """Send one; True where it is settled."""
        try:
            if said.status == "sending" and not _repeatable(said):
                found = self._found(said)
                if found:
                    return self._sent(said, found)
                self.outbox.later(said.id, self.clock() + SETTLE, said.error, said=True, counted=False)
            elif said.status == "new" and not self.outbox.sending(said.id, self.clock() + SETTLE):
                return False
            return self._sent(said, self._call(said))
        except NotSaid as problem:
            return self._again(said, problem)
        except PerhapsSaid as problem:
            if not _repeatable(said) and said.method != LOOKED_UP:
                self.outbox.dead(said.id, f"perhaps said, and cannot be looked up: {problem}")
                return True
            after = max(SETTLE, back_off(said.tries))
            self.outbox.later(said.id, self.clock() + after, str(problem), said=True)
            return False

    def _hold(self, name: str, seconds: float) -> None:
        """Use a channel, or a method, no sooner than that."""
        self._free[name] = max(self._free.get(name, 0), self.clock() + seconds)

    def _again(self, said: Said, problem: NotSaid) -> bool:
        if str(problem).startswith(SO_ALREADY):
            return self._sent(said, "")
        if problem.after is None:
            self.say(f"■ {said.method} {said.key}: {problem}")
            self.outbox.dead(said.id, str(problem))
            return True
        if not problem.counted:
            self._hold(said.method, problem.after)
        after = problem.after if not problem.counted else max(problem.after, back_off(said.tries))
        if said.channel:
            self._hold(said.channel, after)  # what was surely not said is not overtaken
        unsure = said.status == "sending"  # it was perhaps said before, and that could not be looked up just now
        self.outbox.later(said.id, self.clock() + after, str(problem), said=unsure, counted=problem.counted)
        return False

    def _sent(self, said: Said, reference: str) -> bool:
        """Note where it stands; a card learns its place in the same transaction."""
        with self.ledger.locked() as connection:
            self.outbox.sent(said.id, reference, connection)
            card = self.cards.all().get(str(said.body.get("card") or ""))
            if card is not None:
                channel, _, ts = reference.partition("/")
                placed = Card(card.name, channel, ts, card.shown, card.shown_at, card.told)
                self.cards.keep(placed, connection)
        return True

    # -- Slack ----------------------------------------------------------------------------------------------------

    def _call(self, said: Said) -> str:
        """Say it; where it stands then. NotSaid or PerhapsSaid otherwise."""
        body = {key: value for key, value in said.body.items() if key != "card"}
        if said.method == "response_url":
            return self.charts.said(body, _hooked)
        if said.method == LOOKED_UP:
            body["metadata"] = {"event_type": EVENT, "event_payload": {"id": said.key}}
            body |= {"unfurl_links": False, "unfurl_media": False}  # an address in an alert's title loads no picture
        if said.method == CREATE:
            return _created(self.client, str(body["name"]), datetime.fromisoformat(said.put_at).timestamp() - SKEW)
        where = {"channel": said.channel} if said.channel else {}
        return self.charts.said({**where, **body}, lambda made: called(self.client, said.method, made))

    def _found(self, said: Said) -> str:
        """Where it stands, if it does: looked up by the id that each message carries. Empty where it does not."""
        if said.method != LOOKED_UP:
            raise NotSaid("interrupted while it was said; it cannot be looked up", None)
        thread, channel = said.body.get("thread_ts"), self._channel(said.channel)
        if not channel:
            raise NotSaid("interrupted while it was said; give the channel's id in mlops.yaml, slack: channel", None)
        method = "conversations.replies" if thread else "conversations.history"
        oldest = datetime.fromisoformat(said.put_at).timestamp() - SKEW
        asked = {"channel": channel, "include_all_metadata": True, "limit": 200, "oldest": f"{oldest:.6f}",
                 **({"ts": thread} if thread else {})}
        while True:
            answer = read(self.client, method, asked)
            for message in answer.get("messages") or ():
                carried = ((message.get("metadata") or {}).get("event_payload") or {}).get("id")
                if carried == said.key:
                    return f"{channel}/{message['ts']}"
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return ""
            asked = {**asked, "cursor": cursor}

    def _channel(self, name: str) -> str:
        """A channel's id; that of a name, or of a talk with a person, is known from what was said there before."""
        return self.outbox.place_of(name) if name[:1] in ("#", "U", "W") else name


def _repeatable(said: Said) -> bool:
    """Whether it can be said again without anybody seeing it twice: it takes the place of what stands there."""
    return said.method in REPEATABLE or bool(said.body.get("replace_original"))


def _created(client: WebClient, name: str, since: float) -> str:
    """Make a channel, or find the one that was made when the answer got lost: ours, of that name, not older than
    `since`. Where others have the name, it gets a number."""
    for number in range(1, NAMES + 1):
        wanted = name if number == 1 else f"{name[:78]}-{number}"
        try:
            return f"{_answered(client, CREATE, json={'name': wanted})['channel']['id']}/"
        except NotSaid as problem:
            if not str(problem).startswith("name_taken"):
                raise
        if found := _ours(client, wanted, since):
            return f"{found}/"
    raise NotSaid(f"name_taken: {name} and {NAMES - 1} more", None)


def _ours(client: WebClient, name: str, since: float) -> str:
    """The id of our own channel of that name; empty where it is somebody else's, an older one, or archived."""
    us, asked = read(client, "auth.test", {}).get("user_id"), {"types": "public_channel", "limit": 1000}
    while True:
        answer = read(client, "conversations.list", asked)
        for each in answer.get("channels") or ():
            if each.get("name") == name:
                mine = each.get("creator") == us and not each.get("is_archived") and each.get("created", since) >= since
                return str(each["id"]) if mine else ""
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return ""
        asked = {**asked, "cursor": cursor}


def called(client: WebClient, method: str, body: Mapping[str, Any]) -> str:
    """Call a method that says something; `channel/ts` of what was said, where it has one."""
    answer = _answered(client, method, json=dict(body))
    channel = answer.get("channel") or ""
    place = channel["id"] if isinstance(channel, dict) else channel
    return f"{place}/{answer.get('ts') or answer.get('message_ts') or ''}"


def read(client: WebClient, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call a method that only reads: a lost answer is as if it was never asked."""
    try:
        return _answered(client, method, params=dict(body), http_verb="GET")
    except PerhapsSaid as problem:
        raise NotSaid(str(problem), 1.0) from problem


def _answered(client: WebClient, method: str, **how: Any) -> Mapping[str, Any]:
    try:
        answer = client.api_call(method, **how)
        return dict(answer.data) if isinstance(answer.data, dict) else {}
    except SlackApiError as problem:
        raise _judged(problem) from problem
    except (SlackClientError, URLError, OSError, HTTPException) as problem:
        raise _lost(problem) from problem


def _judged(problem: SlackApiError) -> Exception:
    """What an error of Slack's own means for what was to be said."""
    answer = problem.response
    status = getattr(answer, "status_code", 200)
    data = getattr(answer, "data", None)
    error = str(data.get("error") if isinstance(data, dict) else "") or f"HTTP {status}"
    if status == 429 or error in ("ratelimited", "rate_limited"):
        headers = {str(key).lower(): value for key, value in (getattr(answer, "headers", None) or {}).items()}
        return NotSaid(error, float(headers.get("retry-after") or 1), counted=False)
    if error in MENDABLE:
        return NotSaid(f"{error}: somebody has to mend that in Slack or in our tokens", LONGEST)
    if error in AWAY or status == 503:
        return NotSaid(error, 1.0)
    if error in UNSURE or status >= 500:
        return PerhapsSaid(error)
    return NotSaid(f"{error}{_details(data)}", None)


def _details(data: object) -> str:
    told = ((data.get("response_metadata") or {}).get("messages") or []) if isinstance(data, dict) else []
    return f": {'; '.join(map(str, told))}" if told else ""


def _lost(problem: Exception) -> Exception:
    """Nobody was there; or somebody was, and the answer got lost."""
    reason = problem.reason if isinstance(problem, URLError) else problem
    if isinstance(reason, (ConnectionRefusedError, gaierror)):
        return NotSaid("Slack cannot be reached", 1.0)
    return PerhapsSaid(f"{type(reason).__name__}: {reason}")


def _hooked(body: Mapping[str, Any]) -> str:
    """Answer at the address that came with the request."""
    content = {key: value for key, value in body.items() if key != "url"}
    try:
        answer = WebhookClient(str(body["url"]), retry_handlers=[]).send_dict(content)
    except (SlackClientError, URLError, OSError, HTTPException) as problem:
        raise _lost(problem) from problem
    if answer.status_code == 429:
        raise NotSaid("ratelimited", float(answer.headers.get("Retry-After") or 1), counted=False)
    if answer.status_code >= 500:
        raise NotSaid(f"HTTP {answer.status_code}", 1.0)
    if answer.status_code != 200:
        raise NotSaid(f"{answer.body or answer.status_code}"[:200], None)
    return ""


def back_off(tries: int) -> float:
    return float(min(LONGEST, 0.5 * 2 ** min(tries, 10)))
