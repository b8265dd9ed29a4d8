"""What a person types after the slash command or a mention, as a command line."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence

from mlops_tui.errors import BadInput

# Each quote with those that end it; phones and word processors write them by themselves, in pairs of many countries.
_ENDS = {'"': '"', "“": "”“\"", "”": "”“\"", "„": "”“\"", "«": "»", "'": "'", "‘": "’‘'", "’": "’‘'", "‚": "’‘'"}
_APOSTROPHES = frozenset("'‘’‚")
_FORM = re.compile(r"<([^<>\s][^<>]*)>")  # a typed < comes as &lt;, so this one is Slack's own
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_DASH = re.compile(r"[—–]-?(?=[^\W\d_])")
_OURS = frozenset({"mlops", "/mlops", "mlops-tui"})


def argv_of(text: str) -> list[str]:
    """The words of a line as the terminal would see them; nothing typed means `status`.

    Quotes hold words together, smart ones too; people come as their id, channels as #name, links as their address.
    BadInput for a quote that is opened and never closed.
    """
    words = list(_words(text))
    if words and words[0] in _OURS:
        words.pop(0)
    return words or ["status"]


def _words(text: str) -> Iterator[str]:
    """The words, each read from its first character that is no blank."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        word, place = _word(text, place)
        yield word


def _word(text: str, place: int) -> tuple[str, int]:
    """The word that begins at `place`, and where it ends."""
    pieces, start, closed = list[str](), place, True  # closed: a quote may open here
    while place < len(text) and not text[place].isspace():
        if text[place] in _ENDS and (closed or text[place] not in _APOSTROPHES):
            piece, place = _quoted(text, place)
            pieces.append(piece)
            closed = True
            continue
        piece, end = _plain(text, place)
        closed = piece == "="
        pieces.append(piece)
        place = end
    word = "".join(pieces)
    return (_DASH.sub("--", word, count=1) if text[start] in "—–" else word), place


def _plain(text: str, place: int) -> tuple[str, int]:
    """One character as it is meant, or one of Slack's own forms."""
    if found := _FORM.match(text, place):
        return _said(found[1]), found.end()
    if found := _ENTITY.match(text, place):
        return html.unescape(found[0]), found.end()
    if text[place] == "\\" and place + 1 < len(text) and (text[place + 1] in _ENDS or text[place + 1] in " \\"):
        return text[place + 1], place + 2
    return text[place], place + 1


def _quoted(text: str, start: int) -> tuple[str, int]:
    """What stands between the quote at `start` and the one that ends it; an apostrophe within a word ends nothing."""
    pieces, place, ends = list[str](), start + 1, _ENDS[text[start]]
    while place < len(text):
        if text[place] in ends and (text[place] not in _APOSTROPHES or _may_end(text, place)):
            return "".join(pieces), place + 1
        if text[place] == "\\" and text[start] == '"' and text[place + 1:place + 2] in ('"', "\\"):
            piece, place = text[place + 1], place + 2
        elif found := _FORM.match(text, place) or _ENTITY.match(text, place):
            piece, place = _plain(text, place)[0], found.end()
        else:
            piece, place = text[place], place + 1
        pieces.append(piece)
    raise BadInput(f"A quote is opened and never closed: {text[start:start + 40]} …",
                   next="Close it, as in: incident note INC-3 \"the feed was late\"")


def _may_end(text: str, place: int) -> bool:
    following = text[place + 1:place + 2]
    return not following or following.isspace() or following in _ENDS


def _said(form: str) -> str:
    """What was meant by one of Slack's forms: <@U1|ana>, <#C1|name>, <!here>, <http://x|x>."""
    target, _, label = (html.unescape(piece) for piece in form.partition("|"))
    match target[:1]:
        case "@":
            return target[1:]
        case "#":
            return f"#{label}" if label else target[1:]
        case "!":
            return label or f"@{target[1:].partition('^')[0]}"
    return target.removeprefix("mailto:").removeprefix("tel:")


def spoken(text: str, names: Mapping[str, str]) -> str:
    """A message as its reader sees it: people by the names that are known here, links by what they are called."""
    def said(form: re.Match[str]) -> str:
        target, _, label = form[1].partition("|")
        if target[:1] == "@":
            return f"@{names.get(target[1:]) or label or target[1:]}"
        return label if label and target[:1] not in "#!" else _said(form[1])

    return html.unescape(_FORM.sub(said, text))


def typed(argv: Sequence[str]) -> str:
    """The command line as one types it in Slack; `argv_of` reads it back."""
    return " ".join(("/mlops", *map(_as_typed, argv)))


def _as_typed(word: str) -> str:
    if word and not any(letter.isspace() or letter in _ENDS or letter in "\\—–" for letter in word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
