"""What a question means: a command line where a phrase says so, else the commands whose help is nearest to it. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.core._helptext import Helped
from mlops_tui.core._mentioned import Question, question
from mlops_tui.core._nearest import ranked
from mlops_tui.core._phrases import ALSO, phrases, vocabulary
from mlops_tui.core._since import When, when

CHOICES = 3
_SHORT = {"what's": "what is", "who's": "who is", "how's": "how is", "where's": "where is", "isn't": "is not",
          "aren't": "are not", "wasn't": "was not", "didn't": "did not", "doesn't": "does not", "i'm": "i am",
          "everything's": "everything is", "it's": "it is", "can't": "can not", "hasn't": "has not"}
_FILLERS = frozenset((
    "please", "hey", "hi", "hello", "the", "a", "an", "just", "right", "really", "actually", "currently", "again", "so",
    "pls", "ok", "okay", "would", "want", "tell", "mlops", "bot", "kindly", "quickly", "exactly"))
_SPAN = re.compile(r"\bfor (?:(\d+)|an?|one|two) ?(m|min|minute|h|hour|d|day|w|week)s?\b")
_DIGEST = timedelta(days=1), timedelta(days=8)
_FREE = ("--reason", "--note", "--title", "--text", "--why")  # what only a person can say
_NAMED = re.compile(r"\{(\w+)(?::(\d+))?\}")
_MODEL = re.compile(r"\b(?:the|our|this|my) model\b")
_SERVES = re.compile(r"\b(?:the |our )?(champion|challenger)\b")
_KINDS = {"flights-delay": "model", "flights-drift": "monitor", "flights": "dataset", "data-drift": "runbook",
          "daily": "pipeline", "airport_delays": "feature", "bo": "person"}  # what our own examples name
_IDS = {"INC": "incident", "AL": "alert", "AP": "approval", "RUN": "run", "P": "proposal"}


@dataclass(frozen=True)
class Meant:
    """A command line that was meant, or may have been; `asks` is left for a person to say, `as_of` when it is seen."""

    argv: tuple[str, ...]
    command: Helped
    asks: tuple[str, ...] = ()
    as_of: datetime | None = None
    title: str = ""

    @property
    def what(self) -> str:
        """What it does, in a sentence."""
        return self.title or self.command.first

    @property
    def looks(self) -> bool:
        return self.command.shape == "look" or (bool(self.command.looks) and f"--{self.command.looks}" in self.argv)


@dataclass(frozen=True)
class Meaning:
    """What was understood: one command line for certain, or a few to choose from."""

    meant: tuple[Meant, ...]
    certain: bool


@dataclass(frozen=True)
class World:
    """What there is to ask about: declared names by kind, monitors by (check, subject), commands, runbooks, now."""

    names: Mapping[str, Sequence[str]]
    monitors: Mapping[tuple[str, str], str]
    commands: Mapping[tuple[str, ...], Helped]
    runbooks: Mapping[str, str]
    now: datetime


def meaning(text: str, world: World) -> Meaning:
    """A phrase that means one command is certain; one that means several, or none, is a choice of three."""
    said, span, day = _read(text, world)
    for phrase in phrases():
        if phrase.pattern.fullmatch(f"{said.plain} "):
            found = [meant for line in phrase.commands for meant in _meant(line, said, world, span, day)]
            if found:
                return Meaning(tuple(found[:CHOICES]), len(found) == 1 and _settles(found[0], day, world))
    return Meaning(tuple(_nearest(said, world)), False)


def _read(text: str, world: World) -> tuple[Question, str, When | None]:
    """The question in plain words, the span it names (`4h` where none), and the day."""
    low = re.sub(r"[?!.,;:]+(?=\s|$)", " ", text.replace("’", "'").strip().lower())
    for short, whole in _SHORT.items():
        low = re.sub(rf"\b{re.escape(short)}(?!\w)", whole, low)
    low = re.sub(r"'s\b", "", low)
    span = _SPAN.search(low)
    said = f"{span[1] or (2 if 'two' in span[0] else 1)}{span[2][0]}" if span else "4h"
    low, day = when(_SPAN.sub("", low), world.now)
    models = world.names.get("model", ())
    if len(models) == 1:
        low = _MODEL.sub(models[0], low)
        low = low if models[0] in low else _SERVES.sub(rf"{models[0]}@\1", low)
    asked = question(low, world.names, vocabulary(("_day_", *_FILLERS)))
    plain = " ".join(word for word in asked.plain.split() if word not in _FILLERS)
    return Question(plain, asked.mentions), said, day


def _settles(meant: Meant, day: When | None, world: World) -> bool:
    """Whether the day that was named, if one was, is in the answer: of the words or of the time it is seen as of."""
    carried = meant.as_of is not None or any(word in meant.argv for word in ("--window", "--to", "--period"))
    return day is None or carried or day.day >= world.now.date() or meant.argv[0] in ("digest", "snapshot", "audit")


# -- a phrase's command line ----------------------------------------------------------------------------------------


def _meant(line: str, said: Question, world: World, span: str, day: When | None) -> Iterator[Meant]:
    """The command line with what was named put in; nothing where it lacks something, or there is no such command."""
    if line == "{digest}":
        lines = _digest(day, world)
    elif line in ("{monitor}", "{monitor:drift}"):
        lines = [_monitor(said, world, "drift" if "drift" in line else "")]
    elif line == "{compare}":
        lines = [_compare(said)]
    else:
        lines = [line.replace("{window}", _window(day, world)).replace("{span}", span)]
    for each in lines:
        argv = _filled(each, said)
        if argv and (made := _made(argv, world, day)):
            yield made


def _filled(line: str, said: Question) -> tuple[str, ...]:
    """The words with names in place of `{kind}`; none where one is not named."""
    argv = list[str]()
    for word in line.split():
        found = _NAMED.search(word)
        name = said.named(found[1], int(found[2] or 0)) if found else ""
        if found and not name:
            return ()
        argv.append(word.replace(found[0], name.partition("@")[0] if "@" in word else name) if found else word)
    return tuple(argv)


def _made(argv: tuple[str, ...], world: World, day: When | None = None) -> Meant | None:
    """The command behind the words; a judgement lacks its reason, which a person gives."""
    command = world.commands.get(argv[:2]) or world.commands.get(argv[:1]) or _standing(argv, world)
    if command is None:
        return None
    untitled = argv[:3] == ("incident", "open", "--about")
    asks = ("reason",) if command.shape == "decide" else ("title",) if untitled else ()
    return Meant(argv, command, asks, _as_of(argv, command, day, world.now))


def _standing(argv: tuple[str, ...], world: World) -> Helped | None:
    """The verb that is meant by its noun alone, or by its noun and what it is about."""
    how = "bare" if len(argv) == 1 or argv[1].startswith("--") else "subject"
    return next((each for words, each in world.commands.items() if words[0] == argv[0] and how in each.stands), None)


def _as_of(argv: tuple[str, ...], command: Helped, day: When | None, now: datetime) -> datetime | None:
    """The end of a day in the past, where the command can be seen as of it and says no days of its own."""
    past = day is not None and day.how not in ("since", "until") and day.day < now.date()
    if day is None or not past or not command.fold or argv[0] == "digest" or {"--window", "--to"} & set(argv):
        return None
    return datetime.combine(day.day + timedelta(days=1), datetime.min.time(), now.tzinfo)


def _digest(day: When | None, world: World) -> list[str]:
    """The digest that goes back as far; to choose from where none does."""
    back = timedelta(0) if day is None else world.now.date() - day.day
    if back <= _DIGEST[0]:
        return ["digest"]
    week = "digest --period week"
    return [week] if back <= _DIGEST[1] else [week, "audit log", "incident list --all"]


def _window(day: When | None, world: World) -> str:
    """How far back, or up to which day, in the words of `why`."""
    if day is None or day.day >= world.now.date():
        return ""
    if day.how in ("on", "at", "as of", "by", "until"):
        return f" --to {day.day + timedelta(days=1)}"
    return f" --window {day.days(world.now)}d"


def _monitor(said: Question, world: World, check: str) -> str:
    """The monitor that looks for what is asked of a model; how the model stands where none does."""
    words = {"calibrated": "calibration", "accurate": "performance", "good": "performance"}
    model = said.named("model").partition("@")[0]
    asked = [check, *(words.get(word, word) for word in said.plain.split())]
    found = next((name for word in asked if (name := world.monitors.get((word, model)))), "")
    return f"monitor show {found}" if found else f"model show {model}"


def _compare(said: Question) -> str:
    """The version that is named against the champion, on rows that both have answered."""
    first, second = said.named("model"), said.named("model", 1)
    other = second if first.endswith("@champion") or ("@" in second and "@" not in first) else first
    if second and first.partition("@")[0] != second.partition("@")[0]:
        return ""
    return f"compare {other if '@' in other else other + '@challenger'} --preview"


# -- the nearest ones -----------------------------------------------------------------------------------------------


def _nearest(said: Question, world: World) -> Iterator[Meant]:
    """The commands and runbooks whose help is nearest to the question, each once; how things stand where none is."""
    spoken = " ".join((said.plain, *(each.kind for each in said.mentions),
                       *(ALSO[word] for word in said.plain.split() if word in ALSO)))
    texts = {words: f"{' '.join(words)} " * 4 + f"{each.first} {each.first} {each.text} {each.noun}"
             for words, each in world.commands.items()}
    texts |= {("runbook", "show", name): f"{name} " * 4 + text for name, text in world.runbooks.items()}
    kinds = {each.kind for each in said.mentions}
    scored = [(words, score * (1.5 if kinds & _takes(world, words) else 1.0) * _favour(world, words))
              for words, score in ranked(spoken, texts)]
    scored.sort(key=lambda each: -each[1])
    taken: dict[tuple[str, ...], Meant] = {}
    for words, _ in [*scored, (("status",), 0.0), (("digest", "show"), 0.0), (("incident", "list"), 0.0)]:
        if len(taken) < CHOICES and (made := _offered(words, said, world)) and made.argv not in taken:
            taken[made.argv] = made
    yield from taken.values()


def _favour(world: World, words: tuple[str, ...]) -> float:
    """Who asks wants to look, rather than to change anything."""
    return 1.2 if words not in world.commands or world.commands[words].shape == "look" else 1.0


def _takes(world: World, words: tuple[str, ...]) -> set[str]:
    """The kinds of things that a command's examples name."""
    examples = world.commands[words].examples if words in world.commands else ()
    return {kind for example in examples for word in example.split() if (kind := _kind(word))}


def _kind(word: str) -> str:
    head, _, number = word.rpartition("-")
    return _IDS.get(head, "") if number.isdecimal() else _KINDS.get(word.partition("@")[0], "")


def _offered(words: tuple[str, ...], said: Question, world: World) -> Meant | None:
    """The command's first example with what was asked about in it; its help where the example says more than names."""
    if words not in world.commands:
        title = world.runbooks[words[-1]].strip().partition("\n")[0]
        return Meant(words, world.commands["runbook", "show"], title=f"The runbook: {title}")
    command = world.commands[words]
    try:
        example = shlex.split(command.examples[0]) if command.examples else []
    except ValueError:
        example = []
    argv = _of_example(example, words, said, world)
    made = _made(argv, world) if argv else None
    return made if made is not None else Meant((*words, "--help"), command)


def _of_example(example: Sequence[str], words: tuple[str, ...], said: Question, world: World) -> tuple[str, ...]:
    """The words of an example, names replaced; nothing where it holds anything else that is not ours to fill in."""
    argv, rest = list[str](), list(example)
    while rest:
        word = rest.pop(0)
        if len(argv) < len(words) and word == words[len(argv)]:
            argv.append(word)
        elif len(argv) < len(words):  # the noun alone stands for the verb
            argv.extend(words[len(argv):])
            rest.insert(0, word)
        elif word in _FREE:
            rest = rest[1:]
        elif kind := _kind(word):
            declared = world.names.get(kind, ())
            name = said.named(kind) or (declared[0] if len(declared) == 1 else "")
            if not name:
                return ()
            argv.append(name)
        elif word.startswith("--") and (not rest or rest[0].startswith("--")):
            argv.append(word)
        else:
            return ()
    return (*argv, *words[len(argv):])

