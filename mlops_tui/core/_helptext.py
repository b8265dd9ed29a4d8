"""Every command with what its help says of it, read off the files: nothing is imported, so that asking costs little."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
MARK = "from mlops_tui.capability import"  # every file of a capability has it
_SHAPED = re.compile(r"@(look|measure|act|decide)\b(?:\(.*?(?:of=(\w+))?(?:[,)].*)?$)?")
_LOOKS = re.compile(r'looks="(\w+)"')
_NOUN = re.compile(r'^\w+ = \w+\("([\w-]+)", .*__doc__.*$', re.MULTILINE)
_STANDS = re.compile(r'(bare|subject)="([\w-]+)"')
_EXAMPLE = re.compile(r"^(?:Examples?:\s*)?mlops-tui (.+?)\s*$", re.MULTILINE)
_DEFINED = re.compile(r"def (\w+)\(")


@dataclass(frozen=True)
class Helped:
    """A command: its words, its shape, its first sentence, all of its help, and its examples.

    `looks`: the flag with which it only reads. `fold`: it can be shown as of an earlier time. `stands`: without its
    verb, the noun alone means it (`bare`), or before something that it is about (`subject`).
    """

    words: tuple[str, ...]
    shape: str
    first: str
    text: str
    examples: tuple[str, ...]
    noun: str
    looks: str = ""
    fold: bool = False
    stands: tuple[str, ...] = ()


@cache
def commands() -> dict[tuple[str, ...], Helped]:
    """Every command by its words, in the order of the files."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("*/*.py"))]
    stands = {found[1]: _STANDS.findall(found[0]) for source in sources for found in _NOUN.finditer(source)}
    return {each.words: replace(each, stands=tuple(
        how for how, verb in stands.get(each.words[0], ()) if each.words[1:] == (verb,)))
        for source in sources for each in _of(source)}


def _of(source: str) -> Iterator[Helped]:
    if MARK not in source:
        return
    about, lines = source.partition("\n")[0].strip('"'), iter(source.splitlines())
    named = _NOUN.search(source)
    for line in lines:
        if not line.startswith(("@look", "@measure", "@act", "@decide")):
            continue
        [(shape, of)] = _SHAPED.findall(line)
        name = next(found[1] for following in lines if (found := _DEFINED.match(following)))
        verb = name.rstrip("_").replace("_", "-")
        noun = (named[1] if named and of else of or verb).rstrip("_").replace("_", "-")
        text = _docstring(lines)
        yield Helped((noun, verb) if of else (noun,), shape, text.split("\n\n")[0].replace("\n", " "), text,
                     tuple(_EXAMPLE.findall(text)), about,
                     "".join(_LOOKS.findall(line)), "fold=True" in line)


def _docstring(lines: Iterator[str]) -> str:
    begun = next(line for line in lines if '"""' in line).partition('"""')[2]
    if '"""' in begun:
        return begun.partition('"""')[0]
    kept = [begun]
    for line in lines:
        if '"""' in line:
            break
        kept.append(line.strip())
    return "\n".join(kept).strip()
