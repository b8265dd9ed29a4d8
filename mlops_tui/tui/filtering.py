"""What is typed after `/`: words that a row must hold, `!words` that it must not, and `field:word` for one field."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_tui.view import Cell, Row


@dataclass(frozen=True)
class Wish:
    """One word of a filter."""

    text: str
    field: str = ""
    wanted: bool = True


def wishes(typed: str) -> tuple[Wish, ...]:
    """The words of a filter; a word that is not finished yet (`!`, `status:`) asks for nothing."""
    found = []
    for word in typed.split():
        rest = word.removeprefix("!")
        field, colon, text = rest.partition(":")
        if not (colon and field.isidentifier()):
            field, text = "", rest
        if text:
            found.append(Wish(text, field.lower(), wanted=rest == word))
    return tuple(found)


def keeps(row: Row, wanted: Sequence[Wish]) -> bool:
    """Whether the row holds what is wanted and nothing that is not; capitals do not matter."""
    return all((wish.text.lower() in _text(row, wish.field)) is wish.wanted for wish in wanted)


def _text(row: Row, field: str) -> str:
    values = [row.get(field)] if field else [value for key, value in row.items() if key != "argv"]
    return " ".join(_word(value) for value in values).lower()


def _word(value: Cell) -> str:
    if value is None:
        return ""
    return " ".join(value) if isinstance(value, tuple) else str(value)
