"""A form for what a command line still lacks, made from the command's own parameters, and the way back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from bots import fields
from bots.buttons import legible
from bots.richtext import Block, context, cut, plain
from bots.words import argv_of, typed
from mlops_tui.capability import Capability, LocalPath, Noun, Said
from mlops_tui.commands import root
from mlops_tui.errors import BadInput
from mlops_tui.project import Project
from mlops_tui.roles import Shape

CALLBACK = "form"
REASON = "reason"   # the block of a decision's reason
VALUE = "value"     # the action of every input: its block says which it is
METADATA, TITLE, LABEL, HINT, CHOICES, TEXT = 3000, 24, 75, 150, 100, 3000
_DATES = {"--day": "2013-06-01", "--from": "2013-06-01", "--to": "2013-06-30", "--since": "2013-06-01T06:00",
          "--until": "2013-06-01T18:00"}

State = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A command line taken apart: the command, its words, what follows them, and which parameters that gives."""

    command: Capability
    path: tuple[str, ...]
    rest: tuple[str, ...]
    given: Mapping[str, object]

    @property
    def missing(self) -> list[click.Parameter]:
        """What can still be asked: no path, for those cannot come from here; what is needed comes first."""
        open_ = [each for each in self.command.params if each.name not in self.given and askable(each)]
        return sorted(open_, key=lambda each: not self.needs(each))

    def needs(self, parameter: click.Parameter) -> bool:
        """Whether the command does nothing without it.

        So is a choice of two that has no default; and a subject where files, which cannot come from here, are the
        other way to say it.
        """
        if parameter.required:
            return True
        if not isinstance(parameter, click.Argument):
            return bool(parameter.secondary_opts) and parameter.to_info_dict()["default"] is None
        files = [each.name for each in self.command.params if isinstance(each, click.Option) and is_path(each)]
        return bool(files) and not set(files) & set(self.given)


def is_path(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, LocalPath)


def askable(parameter: click.Parameter) -> bool:
    """Whether a form may ask for it: paths, and what says how a file is read, cannot come from Slack."""
    about_a_file = isinstance(parameter, click.Option) and (parameter.help or "").startswith("File:")
    return parameter.expose_value and not is_path(parameter) and not about_a_file


def asked(argv: Sequence[str]) -> Asked:
    """The command line taken apart; BadInput where click would refuse it for what it has, not for what it lacks."""
    try:
        context_ = click.Context(root, info_name="mlops-tui")
        noun, command, rest = root.resolve_command(context_, list(argv))
        path = [str(noun)]
        if isinstance(command, Noun):
            verb, command, rest = command.resolve_command(context_, command.with_verb(rest))
            path.append(str(verb))
        if not isinstance(command, Capability):
            raise BadInput(f"'{' '.join(argv)}' is no command.", next="Try: mlops-tui --help")
        return Asked(command, tuple(path), tuple(rest), _given(command, path, rest))
    except click.ClickException as problem:
        raise BadInput(problem.format_message(), where=" ".join(argv),
                       next=f"Try: mlops-tui {' '.join(argv[:1])} --help") from problem


def _given(command: Capability, path: Sequence[str], rest: Sequence[str]) -> dict[str, object]:
    """The values of the parameters that the words give, as they stand."""
    context_ = click.Context(command, info_name=" ".join(path))
    values, left, _ = command.make_parser(context_).parse_args(list(rest))
    if left:
        raise click.UsageError(f"Got unexpected extra words: {' '.join(left)}", context_)
    return {name: value for name, value in values.items() if isinstance(value, (str, bool, list, tuple))}


def needs_form(argv: Sequence[str], project: Project | None = None) -> bool:
    """Whether a form should be shown first: a decision without a reason, or something needed that can be asked for.

    False for a command line that is refused anyway: the refusal is the better answer.
    """
    try:
        found = asked(argv)
    except BadInput:
        return False
    if "help" in found.given or _refused(found):
        return False
    needed = [each for each in found.command.params if each.name not in found.given and found.needs(each)]
    if any(not askable(each) for each in needed):
        return False
    declared = fields.fields(found.command, found.given, project)
    return bool(needed) or _wants_reason(found) or any(each.needed for each in declared)


def _wants_reason(found: Asked) -> bool:
    return found.command.shape is Shape.DECIDE and not str(found.given.get("reason") or "").strip()


# -- the form -----------------------------------------------------------------------------------------------------


def modal(argv: Sequence[str], *, title: str | None = None, reason: bool = False, private: str = "",
          wanted: Sequence[str] = (), project: Project | None = None) -> Block:
    """The view for `views.open`: what is given as small print, then an input for each parameter that is not.

    `reason` asks why even where the command does not; `wanted` names what the button asks for: one has to be filled in
    all the same, of several some will do, and no box is offered to tick, since the button has said what is meant;
    `private` comes back with `private_of`.
    BadInput for a command line that click refuses, that has nothing to ask for, or that is too long to be carried.
    """
    found = asked(argv)
    if refused := _refused(found):
        raise BadInput(next(iter(refused.values())), where=" ".join(argv))
    metadata = json.dumps({"a": list(argv), "p": private}, separators=(",", ":"))
    if len(metadata) > METADATA or not all(map(legible, argv)):
        raise BadInput("This command line is too long for a form.", next="Type all of it, in a terminal.")
    why = reason or _wants_reason(found)
    declared = fields.fields(found.command, found.given, project)
    besides = {f"--{each.option}" for each in declared}
    named = [each.lower() for each in wanted]  # an argument is named as its help names it: TEXT
    inputs = [_input(each, needed=found.needs(each) or named == [each.name]) for each in found.missing
              if not (why and each.name == "reason") and not besides.intersection(each.opts)
              and not (named and _ticked(each) and each.name not in named)]
    inputs = [fields.input_of(each, VALUE, wanted=wanted) for each in declared] + inputs + [_why()] * why
    if not inputs:
        raise BadInput(f"'{' '.join(argv)}' has nothing left to ask.", next=f"Type: {typed(argv)}")
    only_why = why and len(inputs) == 1
    name = title or ("Why?" if only_why else " ".join(found.path).capitalize())
    return {"type": "modal", "callback_id": CALLBACK, "private_metadata": metadata, "title": plain(name, TITLE),
            "submit": plain("Record" if found.command.shape is Shape.DECIDE else "Go on", TITLE),
            "close": plain("Cancel", TITLE), "blocks": [context(typed(argv)), *inputs]}


def _ticked(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.is_flag and not parameter.secondary_opts


def _why() -> Block:
    return {"type": "input", "block_id": REASON, "label": plain("Why?", LABEL),
            "hint": plain("Recorded with the decision.", HINT),
            "element": {"type": "plain_text_input", "action_id": VALUE, "multiline": True, "max_length": TEXT}}


def _input(parameter: click.Parameter, *, needed: bool) -> Block:
    """The input of one parameter; its name is the label, its help the hint."""
    help = (parameter.help or "") if isinstance(parameter, click.Option) else ""
    made: Block = {"type": "input", "block_id": block_id(parameter), "optional": not needed,
                   "label": plain(_label(parameter), LABEL), "element": _element(parameter)}
    if help and made["element"]["type"] != "checkboxes":
        made["hint"] = plain(help, HINT)
    return made


def block_id(parameter: click.Parameter) -> str:
    return f"p:{parameter.name}"


def _label(parameter: click.Parameter) -> str:
    named = isinstance(parameter, click.Option)
    words = [max(parameter.opts, key=len), *parameter.secondary_opts] if named else [str(parameter.name)]
    return " or ".join(map(_spoken, words)).capitalize()


def _element(parameter: click.Parameter) -> Block:
    """What one fills in, after the parameter's type."""
    info = parameter.to_info_dict()  # a default of click's own may be a mark for "none"
    kind, default = parameter.type, info.get("default")
    hint = {} if default in (None, "", False) or not isinstance(default, (str, int, float)) else {
        "placeholder": plain(f"{default} by default", HINT)}
    if info.get("is_flag") and not parameter.secondary_opts:
        text = cut(str(info.get("help") or _label(parameter)), LABEL)
        return {"type": "checkboxes", "action_id": VALUE, "options": [_option(text, parameter.opts[0])]}
    if info.get("is_flag"):
        words = [*parameter.opts, *parameter.secondary_opts]
        return {"type": "static_select", "action_id": VALUE, "options": [_option(_spoken(word), word)
                                                                        for word in words], **hint}
    if isinstance(kind, click.Choice) and len(kind.choices) <= CHOICES:
        return {"type": "static_select", "action_id": VALUE, **hint,
                "options": [_option(str(choice), str(choice)) for choice in kind.choices]}
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        whole = isinstance(kind, click.types.IntParamType)
        return {"type": "number_input", "action_id": VALUE, "is_decimal_allowed": not whole, **_limits(kind), **hint}
    dates = [_DATES[word] for word in parameter.opts if word in _DATES]
    dated = {"placeholder": plain(dates[0], HINT)} if dates else {}
    lines = {"multiline": True} if isinstance(kind, Said) else {}
    return {"type": "plain_text_input", "action_id": VALUE, "max_length": TEXT, **hint, **dated, **lines}


def _spoken(word: str) -> str:
    return word.lstrip("-").replace("-", " ").replace("_", " ")


def _option(text: str, value: str) -> Block:
    return {"text": plain(text, LABEL), "value": value}


def _limits(kind: click.ParamType[Any]) -> Block:
    """The smallest and largest number allowed; an open end is left to click."""
    ends = (("min_value", getattr(kind, "min", None), getattr(kind, "min_open", False)),
            ("max_value", getattr(kind, "max", None), getattr(kind, "max_open", False)))
    return {name: str(end) for name, end, open_ in ends if end is not None and not open_}


# -- the way back -------------------------------------------------------------------------------------------------


def argv_from(state: State, metadata: str) -> tuple[tuple[str, ...], str | None]:
    """The whole command line and the reason, from a submitted view's `state` and its `private_metadata`.

    BadInput for metadata that no form of ours carries, and for a line typed into it with a quote left open.
    """
    found = asked(_carried(metadata)[0])
    values = state.get("values")
    filled = {str(block): value for block, each in (values.items() if isinstance(values, Mapping) else ())
              if (value := _filled(each)) is not None}
    options, words = list[str](), list[str]()
    for parameter in found.command.params:
        value = filled.get(block_id(parameter))
        if value is None or parameter.name in found.given or not askable(parameter):
            continue
        if isinstance(parameter, click.Argument):
            words += argv_of(value) if parameter.nargs == -1 else [value]
        else:
            options += [value] if parameter.is_flag else [parameter.opts[0], value]  # type: ignore[attr-defined]
    options += fields.words(filled)
    dashes = ["--"] if any(word.startswith("-") for word in words) and "--" not in found.rest else []
    return (*found.path, *options, *found.rest, *dashes, *words), filled.get(REASON)


def private_of(metadata: str) -> str:
    """What the caller of `modal` gave it to keep."""
    return _carried(metadata)[1]


def _carried(metadata: str) -> tuple[list[str], str]:
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        found = None
    argv, private = (found.get("a"), found.get("p")) if isinstance(found, dict) else (None, None)
    if isinstance(argv, list) and argv and all(isinstance(word, str) and legible(word) for word in argv) and isinstance(
            private, str):
        return argv, private
    raise BadInput("This form is none of ours.", next="Type the command instead, such as: /mlops status")


def _filled(block: object) -> str | None:
    """What was filled in, whichever the kind of the input; None for nothing."""
    element = block.get(VALUE) if isinstance(block, Mapping) else None
    if not isinstance(element, Mapping):
        return None
    if chosen := element.get("selected_options"):
        element = {"value": chosen[0].get("value")}
    elif chosen := element.get("selected_option"):
        element = {"value": chosen.get("value")}
    value = element.get("value")
    return value.strip() or None if isinstance(value, str) else None


def errors(argv: Sequence[str], project: Project | None = None) -> dict[str, str]:
    """What is refused before anything runs, by the block to show it at; BadInput where it is no input's fault."""
    found = asked(argv)
    words = {name: value for name, value in found.given.items() if isinstance(value, str)}
    declared = fields.wrong(argv, fields.fields(found.command, words, project))
    lacking = {block_id(each): "This is needed." for each in found.missing
               if found.needs(each) and each.name != "reason"}
    return lacking | _refused(found) | declared


def _refused(found: Asked) -> dict[str, str]:
    """The given values that are not of their parameter's type."""
    return dict(_refusals(found))


def _refusals(found: Asked) -> Iterator[tuple[str, str]]:
    context_ = click.Context(found.command, info_name=" ".join(found.path))
    for parameter in found.command.params:
        if parameter.name in found.given and not is_path(parameter):
            try:
                parameter.type_cast_value(context_, found.given[parameter.name])
            except click.BadParameter as problem:
                yield block_id(parameter), cut(problem.message, TEXT)
