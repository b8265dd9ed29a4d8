"""Times and lengths of time as people write them: `2013-09-14`, `2013-09-14 06:00`, `2h ago`, `7d`."""

from datetime import UTC, datetime, timedelta, tzinfo

from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput
from mlops_tui.render import cells

local = cells.local  # how such a time is said again
SHOWN = ("%d %b", "%d %b %H:%M", "%m-%d", "%m-%d %H:%M")  # as screens and tables write a time of this year


def moment(text: str, zone: tzinfo = UTC, now: datetime | None = None) -> datetime:
    """The aware time a text stands for; one without a zone is in `zone`. BadInput otherwise."""
    try:
        if text.endswith(" ago") and now is not None:
            return now - duration(text.removesuffix(" ago"))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as problem:
        raise BadInput(f"'{text}' is not a time.",
                       next="Write 2013-09-14, 2013-09-14T06:00-04:00 or 2h ago.") from problem
    return found if found.tzinfo else found.replace(tzinfo=zone)


def past(text: str, zone: tzinfo, now: datetime) -> datetime | None:
    """A time that has been, as it stands on a screen: `19 Jul`, `07-19 06:00`; None where it is written otherwise."""
    now = now.astimezone(zone)
    for written, form in ((f"{year} {text}", f"%Y {form}") for form in SHOWN for year in (now.year, now.year - 1)):
        try:
            found = datetime.strptime(written, form).replace(tzinfo=zone)
        except ValueError:
            continue
        if found <= now:
            return found
    return None


def span(text: str, *, none: bool = False) -> timedelta:
    """A length of time given on the command line, longer than nothing unless `none` will do; BadInput otherwise."""
    try:
        found = duration(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", next="Write 12h, 7d or 4w.") from problem
    if not found and not none:
        raise BadInput(f"Nothing happens in '{text}'.", next="Write 12h, 7d or 4w.")
    return found


def after(start: datetime, text: str, *, none: bool = False) -> datetime:
    """So long after a moment; BadInput as for `span`, and where no calendar goes so far."""
    try:
        return start + span(text, none=none)
    except OverflowError as problem:
        raise BadInput(f"'{text}' is longer than any calendar.", next="Write 12h, 7d or 4w.") from problem


def told(text: str) -> datetime | str | None:
    """A kept ISO time as one that can be shown where people are; a bare day as it stands, nothing for nothing."""
    return datetime.fromisoformat(text) if cells.STAMP.fullmatch(text) else text or None
