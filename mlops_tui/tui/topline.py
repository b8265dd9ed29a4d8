"""The line at the top of every screen: where one is, what needs one, what time it is there, who one is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.text import Text

from mlops_tui.render.cells import clean, width_of
from mlops_tui.tui.paint import short_time, word
from mlops_tui.tui.standing import Standing
from mlops_tui.view import Cell

ROOMY = 80  # columns from which the keys of time travel have words


def place(project: str, *crumbs: str) -> Text:
    """Where one is: `flights ▸ Home`."""
    line = Text(f" {word(project, 40).rstrip()}", style="bold")
    for crumb in crumbs:
        line.append(" ▸ ", style="dim").append(word(crumb, 200).rstrip())
    return line


def who_and_when(told: Standing, width: int) -> Text:
    """What needs you, the time there, who you are; the least important leaves first where room is short."""
    facts, at = told.facts, told.now if told.now is not None else datetime.now(UTC)
    local = at.astimezone(told.zone)
    clock = f"{local:%-d %b %Y %H:%M} {local.tzname() or ''}"
    if told.as_of is not None:
        return _as_of(told, clock, width)
    pieces = [
        _waiting(told.needs),
        _lock(facts),
        Text("" if told.news is None else f"paused · {told.news} new", style="bold yellow"),
        Text(f"as of {clock}" if told.stale else clock, style="yellow" if told.stale else ""),
        Text("replay" if facts.get("clock") == "replay" else "", style="magenta"),
        Text(_actor(facts), style="dim"),
    ]
    return _fitting(pieces, width)


def _fitting(pieces: Sequence[Text], width: int) -> Text:
    """As many of the pieces as there is room for, the first ones."""
    shown = [piece for piece in pieces if piece.plain]
    while len(shown) > 1 and sum(width_of(piece.plain) + 3 for piece in shown) > width:
        shown.pop()
    return Text.assemble(Text("   ").join(shown), " ")


def _as_of(told: Standing, clock: str, width: int) -> Text:
    """The moment that is seen, instead of the time it is; nothing is written there."""
    waited = f"■ {told.needs} needed you" if told.needs else ""
    return _fitting([Text(f"◷ as of {clock}"), Text("locked"), Text(waited), Text(_actor(told.facts))], width)


def what_then(told: Standing, width: int, *, timed: bool) -> tuple[Text, Text]:
    """What had just changed at the moment that is seen, and the keys that lead on, back and home."""
    facts, keys = told.facts, (", back  . on  > now ", ", . > now ")[width < ROOMY]
    where = f"{facts['change']:,} of {facts['changes']:,}"
    right = Text(f"{where}   {keys}" if width < ROOMY else f"change {where}   {keys}")
    if told.mark is not None:
        right = Text.assemble(f"◆ {short_time(told.mark, told.zone)}   ", right)
    if not timed:
        return Text(" What is shown here is not of then: it is of now, or of when it was answered."), right
    when = short_time(facts.get("happened_at"), told.zone)
    said = f"{when}  {word(facts['happened'], 400).rstrip()}" if when else "nothing had happened yet"
    return Text(f" {said}"), right


def _lock(facts: Mapping[str, Cell]) -> Text:
    """Whether anything can be changed from here, and what it would be done to: the loudest where that is production."""
    environment = clean(str(facts.get("environment") or ""))
    if facts.get("read_only"):
        return Text(" · ".join(filter(None, ("read-only", environment))), style="bold reverse yellow")
    if environment == "production":
        return Text("■ production, unlocked", style="bold reverse red")
    return Text(environment, style="dim")


def _waiting(needs: int | None) -> Text:
    """How much waits; nothing is said where nothing is known."""
    if needs is None:
        return Text()
    told = f"■ {needs} need{'s' if needs == 1 else ''} you" if needs else "● nothing needs you"
    return Text(told, style="bold red" if needs else "green")


def _actor(facts: Mapping[str, Cell]) -> str:
    if not facts.get("actor"):
        return ""
    held = facts.get("roles") or ()
    told = "single user" if facts.get("single_user") else ", ".join(held) if isinstance(held, tuple) else ""
    return f"{facts['actor']} ({told})"
