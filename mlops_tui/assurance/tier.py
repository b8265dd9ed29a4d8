"""How much is at stake with a model: its impact level and its class under the EU AI Act, as last assessed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.facts import Assessed

if TYPE_CHECKING:
    from store.ledger import Entry

LEVELS = ("I", "II", "III", "IV")
EU = ("minimal", "limited", "high", "prohibited")  # what is at stake grows


@dataclass(frozen=True)
class Tier:
    """A model's risk tier: `level` 1 to 4 of the impact questions, `eu` one of EU.

    Where answers are missing they are None, and `lowest` to `highest`, `eu_lowest` to `eu_highest` say what they can
    still be. `entry` is where the assessment stands in the history, `questions` the version of them it answered.
    """

    level: int | None
    eu: str | None
    lowest: int = 1
    highest: int = 4
    eu_lowest: str = EU[0]
    eu_highest: str = EU[-1]
    questions: str = ""
    entry: int = 0

    @property
    def known(self) -> bool:
        return self.level is not None and self.eu is not None

    @property
    def high(self) -> bool:
        """Whether it is, or may still turn out to be, of high risk: level III or above, or high under the Act."""
        return self.highest >= 3 or EU.index(self.eu_highest) >= EU.index("high")

    @property
    def words(self) -> str:
        """`level II, EU: limited`; what it can still be where it is not known."""
        level = LEVELS[self.level - 1] if self.level else f"{LEVELS[self.lowest - 1]}–{LEVELS[self.highest - 1]}"
        return f"level {level}, EU: {self.eu or f'{self.eu_lowest} to {self.eu_highest}'}"


def of(entries: "Sequence[Entry]", model: str) -> Tier | None:
    """The tier that the newest assessment of the model gave it; None where it was never assessed."""
    for entry in reversed(entries):
        if isinstance(fact := entry.fact, Assessed) and entry.subject == model:
            level, eu = fact.levels, fact.classes
            return Tier(level[0] if level[0] == level[1] else None, eu[0] if eu[0] == eu[1] else None, *level, *eu,
                        questions=fact.questions, entry=entry.seq)
    return None
