"""What is written in other characters than ASCII, in ASCII: as wide as before, for terminals that show no others."""

import codecs
import unicodedata
from typing import TextIO

from rich.cells import cell_len

from mlops_tui.render.cells import PLAIN

ERRORS = "mlops_tui.ascii"  # the name of it among Python's ways to write what an encoding has not
_ALIKE = {
    **PLAIN,
    **dict(zip("→←↑↓↻▸▶❯›◀‹▾▴✓✗×⚠…–—−·•◆◇€“”„‘’‚≈≠√±°§", "><^v@>>>><<v^vxx!~----***E\"\"\"'''~!V~oS", strict=True)),
    **dict.fromkeys("─┄┈═▀▔", "-"), **dict.fromkeys("│┃┊┆║▐▕", "|"), "━": "=", "┅": ".",
    "▌": ">", **dict.fromkeys("▏▎▍", "-"), **dict.fromkeys("▋▊▉█▇▆▅▣", "#"), **dict.fromkeys("▁▂▃▄", "_"),
    "░": ".", "▒": ":", "▓": "%", "↩": "<", "⋯": "~", "◷": "@",
}
_LONGER = {"≥": ">=", "≤": "<="}  # where a blank follows, it gives its place


def write(stream: TextIO, *, wholly: bool) -> None:
    """Write to that stream in ASCII from here on; not `wholly`: only what its encoding has not."""
    codecs.register_error(ERRORS, _written)
    if wholly:
        stream.reconfigure(encoding="ascii", errors=ERRORS)  # type: ignore[attr-defined]
    else:
        stream.reconfigure(errors=ERRORS)  # type: ignore[attr-defined]


def plain(text: str) -> str:
    """The text in ASCII."""
    codecs.register_error(ERRORS, _written)
    return text.encode("ascii", ERRORS).decode("ascii")


def _written(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    found, end = problem.object[problem.start:problem.end], problem.end
    if (longer := _LONGER.get(found[-1])) and problem.object[end:end + 1] == " ":
        return _alike(found[:-1]) + longer, end + 1
    return _alike(found), end


def _alike(text: str) -> str:
    """Each character as one that looks or means alike; of letters what is left without their marks."""
    written, strange = "", ""
    for character in text:
        known = _known(character)
        if known:
            written, strange = written + _strange(strange) + known, ""
        else:
            strange += character
    return written + _strange(strange)


def _known(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":
        return _curve(ord(character) - 0x2800)
    if "\u2500" <= character <= "\u257f":
        return _ALIKE.get(character, "+")
    return _ALIKE.get(character) or _LONGER.get(character, "")[:1]


def _strange(text: str) -> str:
    """Somebody's own words, exactly as wide as they were."""
    letters = "".join(_letter(character) for character in text)
    wide = cell_len(text)
    return letters[:wide].ljust(wide, "?")


def _letter(character: str) -> str:
    wide = cell_len(character)
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters if len(letters) == wide else "?" * wide


def _curve(dots: int) -> str:
    """A cell of braille as the stroke that lies in it most nearly."""
    left = [row for row, bit in enumerate((0x01, 0x02, 0x04, 0x40)) if dots & bit]
    right = [row for row, bit in enumerate((0x08, 0x10, 0x20, 0x80)) if dots & bit]
    rows = left + right
    if not rows:
        return " "
    if left and right and abs(down := sum(right) / len(right) - sum(left) / len(left)) >= 1:
        return "\\" if down > 0 else "/"
    if max(rows) - min(rows) >= 2:
        return "|"
    middle = sum(rows) / len(rows)
    return "'" if middle < 1 else "." if middle > 2 else "-"
