"""Whether Slack and the bot hear each other, what stands between them, and the one next thing to do about each."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bots.manifest import FEATURES, OPTIONAL, manifest, scopes
from bots.manifestrules import problems
from bots.surface import SLACK, TIMEOUT
from mlops_tui.daemon import ledger_of
from mlops_tui.render.cells import GLYPHS
from mlops_tui.session import Session
from mlops_tui.view import Status, counted, lasting, worst
from store.backlog import SILENT
from store.pulses import BOT, Pulses
from store.queues import ROUTE, Inbox, Outbox

SKEW, LATE = 30.0, 240.0   # seconds by which the clocks may differ; Slack and we refuse what is 300 old
WAITS, STUCK = 30.0, 300.0  # seconds that something may wait in a queue
ASKED = 40                  # people who are looked up in the workspace
MANIFEST = "Paste mlops-tui slack manifest at api.slack.com/apps, App Manifest, and install the app again."


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: how it stands, what was found, and what to do where it is not well."""

    name: str
    status: Status
    found: str
    next: str = ""


@dataclass
class Doctor:
    """Asks Slack, and looks into the queues of the project where there is one."""

    environment: Mapping[str, str]
    session: Session | None = None
    clock: Callable[[], float] = time.time
    _headers: Mapping[str, str] = field(default_factory=dict)
    _asked_at: float = 0.0

    def __post_init__(self) -> None:
        declared = self.session.declared().settings.slack if self.session is not None else None
        self.declared = declared
        self.base = (self.environment.get("SLACK_API_BASE_URL") or (declared.api_base_url if declared else "")
                     or SLACK).rstrip("/") + "/"

    def checks(self) -> list[Check]:
        """Everything, in the order in which one would mend it."""
        found = [*self._declaration(), *self._bot_token(), *self._way_in(), *self._scopes(), *self._clock()]
        if self.session is not None and self.declared is not None:
            found += [*self._people(self.session), *self._signs(self.session), *self._queues(self.session)]
        return found

    # -- what Slack says ------------------------------------------------------------------------------------------

    def _declaration(self) -> Iterator[Check]:
        if self.session is None:
            yield Check("project", Status.WARN, "none here: only the tokens are looked at", "Try: mlops-tui init")
        elif self.declared is None:
            yield Check("mlops.yaml", Status.FAIL, "it says nothing of Slack",
                        "Name a channel, such as: slack: {channel: '#ml-flights'}")
        else:
            yield Check("mlops.yaml", Status.PASS, f"the bot speaks in {self.declared.channel}")

    def _bot_token(self) -> Iterator[Check]:
        token = self.environment.get("SLACK_BOT_TOKEN", "")
        if not token:
            yield Check("bot token", Status.FAIL, "SLACK_BOT_TOKEN is not set",
                        "Set it to the Bot User OAuth Token of the installed app (xoxb-…).")
            return
        self._asked_at = self.clock()
        answer, why = self._call(token, "auth.test")
        if why:
            yield Check("bot token", Status.FAIL, f"auth.test: {why}", _mended(why, "SLACK_BOT_TOKEN"))
            return
        self._asked_at = (self._asked_at + self.clock()) / 2
        yield Check("bot token", Status.PASS, f"{answer.get('user')} in the workspace {answer.get('team')}")

    def _way_in(self) -> Iterator[Check]:
        """How Slack reaches the bot: a socket, or signed requests."""
        port, token = self.environment.get("SLACK_HTTP_PORT", ""), self.environment.get("SLACK_APP_TOKEN", "")
        if port:
            good = bool(self.environment.get("SLACK_SIGNING_SECRET")) and port.isdecimal()
            yield Check("signed HTTP", Status.PASS if good else Status.FAIL,
                        f"port {port}, signatures are checked" if good else "no signing secret, or no port",
                        "" if good else "Set SLACK_SIGNING_SECRET, and SLACK_HTTP_PORT to a number.")
            return
        if not token:
            yield Check("app token", Status.FAIL, "SLACK_APP_TOKEN is not set",
                        "Make an app-level token (xapp-…) with connections:write, or set SLACK_HTTP_PORT.")
            return
        _, why = self._call(token, "apps.connections.open")
        yield Check("app token", Status.FAIL if why else Status.PASS,
                    f"apps.connections.open: {why}" if why else "a socket may be opened",
                    _mended(why, "SLACK_APP_TOKEN") if why else "")

    def _scopes(self) -> Iterator[Check]:
        """What the app may do, against what the project uses, and against the manifest as it is now."""
        made = manifest(channels=self._channels)
        for each in problems(made):
            yield Check("manifest", Status.FAIL, each, "This is a bug of ours: please report it.")
        granted = {name.strip() for name in self._headers.get("x-oauth-scopes", "").split(",") if name.strip()}
        if not granted:
            yield Check("scopes", Status.UNKNOWN, "Slack did not say what the app may do", "Mend the bot token first.")
            return
        lacks = [f"{feature}: {', '.join(missing)}" for feature, names in FEATURES.items()
                 if (feature not in OPTIONAL or self._channels) and (missing := [n for n in names if n not in granted])]
        wanted = scopes(channels=self._channels)
        said = f"missing for {'; '.join(lacks)}" if lacks else f"all {len(wanted)} that it uses"
        yield Check("scopes", Status.FAIL if lacks else Status.PASS, said, MANIFEST if lacks else "")
        more = sorted(granted - set(wanted))
        if more:
            yield Check("manifest", Status.WARN, f"the app may do more than it needs: {', '.join(more)}", MANIFEST)

    @property
    def _channels(self) -> bool:
        return self.declared is not None and self.declared.incident_channels

    def _clock(self) -> Iterator[Check]:
        if "date" not in self._headers:
            return
        ahead = self._asked_at - parsedate_to_datetime(self._headers["date"]).timestamp()
        off = abs(ahead) - 1.0  # Slack tells whole seconds
        status = Status.FAIL if off > LATE else Status.WARN if off > SKEW else Status.PASS
        if status is Status.PASS:
            yield Check("clock", status, "agrees with Slack's")
            return
        way = "ahead of" if ahead > 0 else "behind"
        yield Check("clock", status, f"this machine is {abs(ahead):.0f} s {way} Slack",
                    "Set this machine's clock by NTP; signed requests hold five minutes.")

    def _call(self, token: str, method: str, **asked: Any) -> tuple[Mapping[str, Any], str]:
        """What Slack answers, and why not; its headers are kept where it is about the bot."""
        client = WebClient(token, self.base, timeout=TIMEOUT, retry_handlers=[])
        try:
            answer = client.api_call(method, params=asked)
        except SlackApiError as problem:
            data = problem.response.data
            return {}, str(data.get("error") if isinstance(data, dict) else f"HTTP {problem.response.status_code}")
        except (SlackClientError, URLError, OSError, HTTPException) as problem:
            return {}, f"Slack cannot be reached ({getattr(problem, 'reason', problem)})"
        if method == "auth.test":
            self._headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
        return (answer.data if isinstance(answer.data, dict) else {}), ""

    # -- what the project says ------------------------------------------------------------------------------------

    def _people(self, session: Session) -> Iterator[Check]:
        people = session.declared().team.people
        without = [name for name, person in people.items() if not person.slack]
        twice = [id for id, times in Counter(each.slack for each in people.values() if each.slack).items() if times > 1]
        if twice:
            yield Check("people", Status.FAIL, f"the Slack id {', '.join(twice)} is two people's: neither is let in",
                        "Give each his own in team.yaml.")
        if without:
            yield Check("people", Status.WARN, f"no Slack id in team.yaml: {', '.join(without)}",
                        "Add slack: U… to each (in Slack: profile, Copy member ID).")
        gone = list(self._unknown({name: each.slack for name, each in people.items() if each.slack}))
        if gone:
            yield Check("people", Status.WARN, f"not in this workspace: {', '.join(gone)}",
                        "Correct slack: in team.yaml.")
        if not (twice or without or gone):
            yield Check("people", Status.PASS, f"all {len(people)} of team.yaml have a Slack id")

    def _unknown(self, ids: Mapping[str, str]) -> Iterator[str]:
        """Those whom the workspace does not have, as far as it says."""
        token = self.environment.get("SLACK_BOT_TOKEN", "")
        for name, id in list(ids.items())[:ASKED] if self._headers else ():
            _, why = self._call(token, "users.info", user=id)
            if why == "user_not_found":
                yield f"{name} ({id})"
            elif why:
                return

    def _signs(self, session: Session) -> Iterator[Check]:
        """What the running bot says of itself."""
        now, pulse = self.clock(), Pulses(ledger_of(session).engine).seen(BOT)
        if pulse is None or not pulse.detail.get("at_work"):
            yield Check("bot", Status.WARN, "it is not at work" if pulse is None else
                        f"it was stopped {lasting(now - pulse.at)} ago", "Start it: mlops-tui up")
            return
        if now - pulse.at > SILENT:
            yield Check("bot", Status.FAIL, f"its last sign of life was {lasting(now - pulse.at)} ago",
                        "It hangs, or was killed. Start it again: mlops-tui up")
            return
        if not pulse.detail.get("connected"):
            yield Check("bot", Status.FAIL, "it is at work, and Slack does not reach it",
                        "See what mlops-tui up says; then look at the app token.")
            return
        came, answered, took = (float(pulse.detail.get(name) or 0) for name in ("came", "answered", "took"))
        told = "nothing has come from Slack yet" if not came else f"the last request came {lasting(now - came)} ago"
        behind = came > answered + 5.0
        said = ", and was not answered" if behind else f", answered in {took * 1000:,.0f} ms" if answered else ""
        yield Check("bot", Status.WARN if behind else Status.PASS, f"at work; {told}{said}",
                    "See what mlops-tui up says." if behind else "")

    def _queues(self, session: Session) -> Iterator[Check]:
        engine, now = ledger_of(session).engine, self.clock()
        inbox, outbox = Inbox(engine), Outbox(engine)
        first = outbox.oldest()
        for name, since, why in (("from Slack", inbox.oldest(), ""),
                                 ("to Slack", first.put_at if first else "", first.error if first else "")):
            age = now - datetime.fromisoformat(since).astimezone(UTC).timestamp() if since else 0.0
            status = Status.FAIL if age > STUCK else Status.WARN if age > WAITS else Status.PASS
            said = f"the oldest waits since {lasting(age)} ago{f': {why}' if why else ''}" if since else "nothing waits"
            yield Check(f"queue {name}", status, said, "" if status is Status.PASS else _unstuck(why))
        dead = [each for each in outbox.given_up() if each.method != ROUTE]
        undone = inbox.waiting(status="failed")
        if not (dead or undone):
            yield Check("dead letters", Status.PASS, "nothing was given up")
            return
        said = f"{counted(len(dead), 'message')} and {counted(len(undone), 'request')} were given up"
        yield Check("dead letters", Status.WARN, said, "See them, and try them again: mlops-tui letter list")


def _mended(why: str, variable: str) -> str:
    """What to do about an error of Slack's."""
    if "reached" in why:
        return "Look at the network, a proxy, and SLACK_API_BASE_URL."
    if why == "missing_scope":
        return "The token needs the scope connections:write." if variable == "SLACK_APP_TOKEN" else MANIFEST
    if why == "not_allowed_token_type":
        return f"{variable} holds the other kind of token: bot tokens begin with xoxb-, app tokens with xapp-."
    return f"Copy the token again from api.slack.com/apps into {variable}; a revoked one stays dead."


def _unstuck(why: str) -> str:
    if "not_in_channel" in why:
        return "Invite the bot into its channel: /invite @mlops"
    if "missing_scope" in why:
        return MANIFEST
    return "Is the bot at work? Start it: mlops-tui up"


def told(found: Sequence[Check]) -> str:
    """The checks in lines: the answer, then each, with the next thing to do below what is not well."""
    bad = [each for each in found if each.status is not Status.PASS]
    overall = worst(each.status for each in found)
    title = f"{len(bad)} of {counted(len(found), 'check')} need a look" if bad else f"All {len(found)} checks pass"
    wide = max(len(each.name) for each in found)
    lines = [f"{GLYPHS[overall][0]} {title}", ""]
    for each in found:
        lines.append(f"{GLYPHS[each.status][0]} {each.name:<{wide}}  {each.found}")
        lines += [f"  {'':<{wide}}  → {each.next}"] if each.next else []
    return "\n".join(lines) + "\n"


def code(found: Sequence[Check]) -> int:
    """The exit code, by the worst."""
    return 1 if worst(each.status for each in found) in (Status.FAIL, Status.UNKNOWN) else 0
