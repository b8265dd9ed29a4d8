"""What somebody may wish, and how he is told what cannot be."""

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Team
from mlops_tui.errors import Unreadable


def wishes(text: str) -> Team:
    return parse(Team, f"people:\n  bo: {{digest: {{{text}}}}}\n", "team.yaml")


def test_a_whole_one_is_read() -> None:
    found = wishes('daily: "08:00", weekly: "mon 08:00", zone: Europe/Berlin, quiet: "22:00-07:00"').people["bo"].digest
    assert (found.daily, found.weekly, found.zone, found.only_if_changed) == (
        "08:00", "mon 08:00", "Europe/Berlin", True)


@pytest.mark.parametrize(("text", "what", "next"), [
    ('daily: "8"', "'8' is not a time of day.", "08:00"),
    ('daily: "24:00"', "'24:00' is not a time of day.", "08:00"),
    ('weekly: "monday 08:00"', "'monday 08:00' is not a time of the week.", "mon 08:00"),
    ('weekly: "08:00"', "'08:00' is not a time of the week.", "mon 08:00"),
    ('zone: Europe/Berlim', "'Europe/Berlim' is not a time zone.", "Did you mean 'Europe/Berlin'?"),
    ('quiet: "22:00"', "'22:00' are no hours.", "22:00-07:00"),
    ('quiet: "07:00-07:00"', "'07:00-07:00' are no hours.", "22:00-07:00"),
    ('daily: "06:30", quiet: "22:00-07:00"', "The daily digest would come at 06:30, in the quiet hours", ""),
    ('weekly: "sun 23:00", quiet: "22:00-07:00"', "The weekly digest would come at 23:00, in the quiet hours", ""),
    ('dayly: "08:00"', "Unknown key 'dayly'", "daily"),
])
def test_what_makes_no_sense_is_told_where(text: str, what: str, next: str) -> None:
    with pytest.raises(Unreadable) as raised:
        wishes(text)
    assert what in raised.value.what
    assert next in raised.value.next
    assert raised.value.where == "team.yaml:2"
