"""Every command line that the command tree knows, made up from its parameters: what anybody could try at a gate."""

from collections.abc import Iterator, Mapping

import click

from mlops_tui.capability import Capability, LocalPath, Noun
from mlops_tui.commands import capability_files, root
from mlops_tui.roles import Shape

# These take the screen, start servers, run programs or make projects; the jobs and programs they begin come in by the
# same door. The two ways that are meant to go around the gate are named, and proved to be loud, by themselves.
ASIDE = frozenset({"demo", "up", "watch", "web", "open", "slack", "serve", "init", "job start", "footprint run"})
NAMED = ("--break-glass", "--rollback")
VALUES: Mapping[str, str] = {
    "approval": "AP-1", "case": "BC-1", "proposal": "P-1", "incident": "INC-1", "alert": "AL-1", "alerts": "AL-1",
    "run": "RUN-1", "step": "1", "number": "1", "item": "outside", "dataset": "flights", "monitor": "flights-drift",
    "version": "2", "person": "ana", "who": "ana", "words": "promote flights-delay@2", "name": "let-in",
    "feature": "day", "column": "day", "time": "2013-09-14T10:00", "until": "2013-10-01", "day": "2013-09-14",
    "role": "lead", "choice": "yes"}
ABOUT = "flights-delay@2"


def capabilities() -> dict[str, Capability]:
    """Every command that does something, by its words."""
    found: dict[str, click.Command] = {}
    for stem in capability_files():
        made = root.get_command(click.Context(root), stem)
        verbs = made.commands if isinstance(made, Noun) else {}
        found |= {f"{made.name} {verb}": each for verb, each in verbs.items()} or {str(made.name): made}
    return {words: each for words, each in found.items() if isinstance(each, Capability)}


def lines(*, looks: bool) -> Iterator[tuple[str, ...]]:
    """Each command about the version that may not serve, alone, then with each of its flags and choices."""
    for words, made in capabilities().items():
        if words in ASIDE or words.split()[0] in ASIDE or (made.shape is Shape.LOOK and not looks):
            continue
        needed = [word for each in made.params for word in _said(each) if isinstance(each, click.Argument)
                  or each.required]
        base = (*words.split(), *needed)
        yield base
        for each in made.params:
            if isinstance(each, click.Option) and not each.required and each.name != "overwrite":
                yield from ((*base, *more) for more in _given(each))


def _said(each: click.Parameter) -> tuple[str, ...]:
    option = (max(each.opts, key=len),) if isinstance(each, click.Option) else ()
    return (*option, *(_value(each).split(" ") if each.nargs == -1 else (_value(each),)))


def _value(each: click.Parameter) -> str:
    if isinstance(each.type, click.Choice):
        return str(each.type.choices[0])
    if isinstance(each.type, LocalPath):
        return "models/flights-delay.yaml"
    numeric = isinstance(each.type, (click.types.IntParamType, click.types.FloatParamType))
    return "1" if numeric else VALUES.get(str(each.name), ABOUT)


def _given(each: click.Option) -> Iterator[tuple[str, ...]]:
    if each.is_flag:
        yield from ((opt,) for opt in (each.opts[0], *each.secondary_opts))
    elif isinstance(each.type, click.Choice):
        yield from ((each.opts[0], str(choice)) for choice in each.type.choices)
    elif not isinstance(each.type, LocalPath):
        yield each.opts[0], _value(each)
