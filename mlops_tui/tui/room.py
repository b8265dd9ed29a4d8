"""How much room a terminal must have, and what one says that has less."""

from rich.text import Text
from textual.geometry import Size

from mlops_tui.render.cells import wrap

LEAST = Size(60, 16)


def cramped(size: Size) -> bool:
    """Whether there is too little room for anything."""
    return 0 < size.width < LEAST.width or 0 < size.height < LEAST.height


def sentence(size: Size) -> Text:
    """What a terminal without room says instead."""
    said = (f"This terminal has {size.width} x {size.height} characters; the dashboard needs {LEAST.width} x "
            f"{LEAST.height}. Make it larger. No key does anything here but q, which leaves; jobs run on.")
    return Text("\n".join(wrap(said, max(size.width - 1, 1))[:size.height]))
