"""What Slack accepts in a message, a modal or a Home tab: an independent checker, to be asked before Slack is."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Surface = Literal["message", "modal", "home"]

MESSAGE_TEXT = 40_000
MESSAGE_TOTAL = 12_000  # Slack refuses at about 13,200 (undocumented); we keep a distance
MARKDOWN_TOTAL = 12_000
DATA_TABLE_TOTAL = 20_000
BLOCKS = {"message": 50, "modal": 100, "home": 100}
AT_MOST = {"table": 1, "data_visualization": 2}  # blocks of a kind in one message
TABLE_COLUMNS = 20
IDENTIFIER = 255

EVERYWHERE = frozenset({"message", "modal", "home"})
MESSAGE, MODAL = frozenset({"message"}), frozenset({"modal"})


@dataclass(frozen=True)
class Shape:
    """What an object of one type must, may and may not hold; fields not named here are refused."""

    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()                                              # at least one of these
    texts: Mapping[str, int] = field(default_factory=dict)                    # text objects of either kind: characters
    plain: Mapping[str, int] = field(default_factory=dict)                    # plain_text only
    strings: Mapping[str, int] = field(default_factory=dict)                  # bare strings
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)       # lists: fewest, most
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    holds: Mapping[str, frozenset[str]] = field(default_factory=dict)         # types of what lies inside
    others: tuple[str, ...] = ()                                              # allowed, not looked into
    surfaces: frozenset[str] = EVERYWHERE

    def known(self) -> set[str]:
        return {"type", *self.required, *self.one_of, *self.texts, *self.plain, *self.strings, *self.counts,
                *self.numbers, *self.choices, *self.holds, *self.others}


TEXT = frozenset({"plain_text", "mrkdwn"})
OPTION = frozenset({"option"})
STYLE = {"style": ("primary", "danger")}
CONFIRM = {"confirm": frozenset({"confirm"})}
FOCUS = ("focus_on_load",)
PLACEHOLDER = {"placeholder": 150}
ACTION = {"action_id": IDENTIFIER}
SELECTS = frozenset({"static_select", "external_select", "users_select", "conversations_select", "channels_select"})
MULTI = frozenset(f"multi_{each}" for each in SELECTS)
PICKERS = frozenset({"datepicker", "timepicker"})
CHOICES = frozenset({"checkboxes", "radio_buttons"})
BUTTONS = frozenset({"button", "workflow_button", "overflow"})
INPUTS = frozenset({"plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input",
                    "file_input"})
RICH = frozenset({"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"})


def of_options(most: int, fewest: int = 1, **more: Any) -> Shape:
    """Elements that offer a list of options."""
    given: dict[str, Any] = {"strings": ACTION, "counts": {"options": (fewest, most)},
                             "holds": {"options": OPTION, **CONFIRM}, "others": FOCUS}
    return Shape(**(given | more))


def select(*initial: str, multi: bool = False, options: bool = False, **more: Any) -> Shape:
    """A menu, of one's own options or of what Slack knows."""
    counts = {"options": (1, 100), "option_groups": (1, 100)} if options else {}
    holds: dict[str, frozenset[str]] = dict(CONFIRM)
    if options:
        holds |= {"options": OPTION, "option_groups": frozenset({"option_group"})}
    numbers = {"max_selected_items": (1, 1000)} if multi else {}
    given: dict[str, Any] = {"plain": PLACEHOLDER, "strings": ACTION, "counts": counts, "holds": holds,
                             "numbers": numbers, "others": (*FOCUS, *initial),
                             "one_of": ("options", "option_groups") if options else ()}
    return Shape(**(given | more))


def typed(*others: str, **more: Any) -> Shape:
    """A field that a person types into."""
    given: dict[str, Any] = {"plain": PLACEHOLDER, "strings": ACTION,
                             "others": (*FOCUS, "initial_value", "dispatch_action_config", *others)}
    return Shape(**(given | more))


OBJECTS: Mapping[str, Shape] = {
    "option": Shape(("text", "value"), texts={"text": 75, "description": 75}, strings={"value": 150, "url": 3000}),
    "option_group": Shape(("label", "options"), plain={"label": 75}, counts={"options": (1, 100)},
                          holds={"options": OPTION}),
    "confirm": Shape(("title", "text", "confirm", "deny"), texts={"text": 300},
                     plain={"title": 100, "confirm": 30, "deny": 30}, choices=STYLE),
    "feedback_button": Shape(("text", "value"), plain={"text": 75},
                             strings={"value": 2000, "accessibility_label": 75}),
    "pie": Shape(("segments",), counts={"segments": (1, 12)}, holds={"segments": frozenset({"segment"})}),
    "segment": Shape(("label", "value"), strings={"label": 20}, numbers={"value": (1e-300, 1e300)}),
    "series": Shape(("name", "data"), strings={"name": 20}, counts={"data": (1, 20)},
                    holds={"data": frozenset({"point"})}),
    "point": Shape(("label", "value"), strings={"label": 20}, numbers={"value": (-1e300, 1e300)}),
    "axis": Shape(("categories",), strings={"x_label": 50, "y_label": 50}, counts={"categories": (1, 20)}),
    **{kind: Shape(("series", "axis_config"), counts={"series": (1, 12)},
                   holds={"series": frozenset({"series"}), "axis_config": frozenset({"axis"})})
       for kind in ("bar", "line", "area")},
}

ELEMENTS: Mapping[str, Shape] = {
    "button": Shape(("text",), plain={"text": 75},
                    strings={"value": 2000, "url": 3000, "accessibility_label": 75, **ACTION},
                    choices=STYLE, holds=CONFIRM),
    "workflow_button": Shape(("text", "workflow"), plain={"text": 75}, strings={"accessibility_label": 75, **ACTION},
                             choices=STYLE),
    "overflow": of_options(5, others=()),
    "checkboxes": of_options(10, others=(*FOCUS, "initial_options")),
    "radio_buttons": of_options(10, others=(*FOCUS, "initial_option")),
    "static_select": select("initial_option", options=True),
    "multi_static_select": select("initial_options", multi=True, options=True),
    "external_select": select("initial_option", "min_query_length"),
    "multi_external_select": select("initial_options", "min_query_length", multi=True),
    "users_select": select("initial_user"),
    "multi_users_select": select("initial_users", multi=True),
    "conversations_select": select("initial_conversation", "default_to_current_conversation", "filter",
                                   "response_url_enabled"),
    "multi_conversations_select": select("initial_conversations", "default_to_current_conversation", "filter",
                                         multi=True),
    "channels_select": select("initial_channel", "response_url_enabled"),
    "multi_channels_select": select("initial_channels", multi=True),
    "datepicker": Shape(plain=PLACEHOLDER, strings=ACTION, holds=CONFIRM, others=(*FOCUS, "initial_date")),
    "timepicker": Shape(plain=PLACEHOLDER, strings=ACTION, holds=CONFIRM, others=(*FOCUS, "initial_time", "timezone")),
    "datetimepicker": Shape(strings=ACTION, holds=CONFIRM, others=(*FOCUS, "initial_date_time")),
    "plain_text_input": typed("multiline", strings={"initial_value": 3000, **ACTION},
                              numbers={"min_length": (0, 3000), "max_length": (1, 3000)}),
    "number_input": typed("min_value", "max_value", required=("is_decimal_allowed",)),
    "email_text_input": typed(),
    "url_text_input": typed(),
    "rich_text_input": typed(),
    "file_input": Shape(strings=ACTION, numbers={"max_files": (1, 10)}, others=("filetypes",), surfaces=MODAL),
    "image": Shape(("alt_text",), one_of=("image_url", "slack_file"), strings={"image_url": 3000, "alt_text": 2000}),
    "feedback_buttons": Shape(("positive_button", "negative_button"), strings=ACTION, surfaces=MESSAGE,
                              holds=dict.fromkeys(("positive_button", "negative_button"),
                                                  frozenset({"feedback_button"}))),
    "icon_button": Shape(("icon", "text"), plain={"text": 75}, strings={"value": 2000, "accessibility_label": 75,
                                                                        **ACTION},
                         counts={"visible_to_user_ids": (1, 10)}, holds=CONFIRM, surfaces=MESSAGE),
}

ID = {"block_id": IDENTIFIER}
BLOCK_TYPES: Mapping[str, Shape] = {
    "section": Shape(one_of=("text", "fields"), texts={"text": 3000}, strings=ID, counts={"fields": (1, 10)},
                     holds={"fields": TEXT,
                            "accessory": BUTTONS | SELECTS | MULTI | PICKERS | CHOICES | frozenset({"image"})},
                     others=("expand",)),
    "header": Shape(("text",), plain={"text": 150}, strings=ID),
    "divider": Shape(strings=ID),
    "context": Shape(("elements",), strings=ID, counts={"elements": (1, 10)},
                     holds={"elements": TEXT | frozenset({"image"})}),
    "actions": Shape(("elements",), strings=ID, counts={"elements": (1, 25)},
                     holds={"elements": BUTTONS | SELECTS | PICKERS | CHOICES | frozenset({"datetimepicker"})}),
    "context_actions": Shape(("elements",), strings=ID, counts={"elements": (1, 5)}, surfaces=MESSAGE,
                             holds={"elements": frozenset({"feedback_buttons", "icon_button"})}),
    "input": Shape(("label", "element"), plain={"label": 2000, "hint": 2000}, strings=ID,
                   holds={"element": SELECTS | MULTI | PICKERS | CHOICES | INPUTS | frozenset({"datetimepicker"})},
                   others=("optional", "dispatch_action")),
    "image": Shape(("alt_text",), one_of=("image_url", "slack_file"), plain={"title": 2000},
                   strings={"image_url": 3000, "alt_text": 2000, **ID}),
    "markdown": Shape(("text",), strings={"text": MARKDOWN_TOTAL, **ID}, surfaces=MESSAGE),
    "rich_text": Shape(("elements",), strings=ID, holds={"elements": RICH}),
    "table": Shape(("rows",), strings=ID, counts={"rows": (1, 100), "column_settings": (0, TABLE_COLUMNS)},
                   surfaces=MESSAGE),
    "data_table": Shape(("rows",), strings={"caption": 3000, **ID}, counts={"rows": (2, 201)},
                        numbers={"page_size": (1, 100), "row_header_column_index": (0, TABLE_COLUMNS - 1)},
                        surfaces=MESSAGE),
    "data_visualization": Shape(("title", "chart"), strings={"title": 50, **ID}, surfaces=MESSAGE,
                                holds={"chart": frozenset({"pie", "bar", "line", "area"})}),
    "alert": Shape(("text",), texts={"text": 200}, strings=ID, surfaces=MODAL,
                   choices={"level": ("default", "info", "warning", "error", "success")}),
    "video": Shape(("alt_text", "title", "thumbnail_url", "video_url"), plain={"title": 200, "description": 200},
                   strings={"alt_text": 2000, "author_name": 50, "provider_name": 50, "thumbnail_url": 3000,
                            "video_url": 3000, "title_url": 2000, "provider_icon_url": 2000, **ID}),
    "file": Shape(("external_id", "source"), strings=ID, surfaces=MESSAGE),
}

VIEW = {"type", "blocks", "private_metadata", "callback_id", "external_id"}
MODAL_FIELDS = VIEW | {"title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"}
VIEW_STRINGS = {"private_metadata": 3000, "callback_id": IDENTIFIER, "external_id": IDENTIFIER}
VIEW_BYTES = 250_000


def problems(surface: Surface, payload: Mapping[str, Any]) -> list[str]:
    """Why Slack would refuse this message or view; empty when it is legal.

    A message is `{"text", "blocks", "attachments"}`, a modal or Home tab the view itself. Each problem ends with the
    place in the payload as a JSON pointer.
    """
    return list(found(surface, payload))


def found(surface: Surface, payload: Mapping[str, Any]) -> Iterator[str]:
    if surface == "message":
        yield from lengths(payload, {"text": MESSAGE_TEXT}, "", empty=True)
        yield from size(payload.get("attachments"), 0, 100, "/attachments")
    else:
        yield from frame(surface, payload)
    blocks = payload.get("blocks", [])
    fewest = 0 if surface == "message" else 1
    yield from size(blocks, fewest, BLOCKS[surface], "/blocks")
    if isinstance(blocks, list):
        for place, block in enumerate(blocks):
            yield from checked(block, BLOCK_TYPES, surface, f"/blocks/{place}")
        yield from together(surface, [each for each in blocks if isinstance(each, dict)])


def problem(what: str, where: str) -> str:
    return f"[ERROR] {what} [json-pointer:{where or '/'}]"


def size(value: Any, fewest: int, most: int, where: str) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, list):
        yield problem("must be a list", where)
    elif len(value) < fewest:
        yield problem(f"no fewer than {fewest} items allowed", where)
    elif len(value) > most:
        yield problem(f"no more than {most} items allowed, there are {len(value)}", where)


def lengths(holder: Mapping[str, Any], limits: Mapping[str, int], where: str, empty: bool = False) -> Iterator[str]:
    for name, most in limits.items():
        value = holder.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            yield problem("must be a string", f"{where}/{name}")
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters, there are {len(value)}", f"{where}/{name}")
        elif not value and not empty:
            yield problem("must be more than 0 characters", f"{where}/{name}")


def text_object(value: Any, most: int, kinds: frozenset[str], where: str) -> Iterator[str]:
    if not isinstance(value, dict) or str(value.get("type")) not in kinds:
        yield problem(f"must be a text object of type {' or '.join(sorted(kinds))}", where)
        return
    for name in sorted(set(value) - {"type", "text", "emoji", "verbatim"}):
        yield problem(f"invalid additional property: {name}", where)
    if value["type"] == "mrkdwn" and "emoji" in value:
        yield problem("emoji belongs to plain_text", where)
    if "text" not in value:
        yield problem("missing required field: text", where)
    yield from lengths(value, {"text": most}, where)


def frame(surface: Surface, view: Mapping[str, Any]) -> Iterator[str]:
    """The parts of a view around its blocks."""
    if view.get("type") != surface:
        yield problem(f"type must be {surface}", "/type")
    for name in sorted(set(view) - (MODAL_FIELDS if surface == "modal" else VIEW)):
        yield problem(f"invalid additional property: {name}", "")
    if "blocks" not in view:
        yield problem("missing required field: blocks", "")
    yield from lengths(view, VIEW_STRINGS, "", empty=True)
    if len(str(dict(view)).encode()) > VIEW_BYTES:
        yield problem(f"a view holds at most {VIEW_BYTES:,} bytes", "")
    if surface != "modal":
        return
    if "title" not in view:
        yield problem("missing required field: title", "")
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            yield from text_object(view[name], 24, frozenset({"plain_text"}), f"/{name}")
    blocks = view.get("blocks")
    inputs = [each for each in blocks if isinstance(each, dict) and each.get("type") == "input"] if isinstance(
        blocks, list) else []
    if inputs and not view.get("submit"):
        yield problem("missing required field: submit, for there is an input block", "")


def checked(value: Any, table: Mapping[str, Shape], surface: Surface, where: str, kind: str = "") -> Iterator[str]:
    """One block, element or object against the shape of its type."""
    if not isinstance(value, dict):
        yield problem("must be an object", where)
        return
    kind = kind or str(value.get("type"))
    shape = table.get(kind)
    if shape is None:
        yield problem(f"unsupported type: {kind}", where)
        return
    if surface not in shape.surfaces:
        yield problem(f"{kind} is not allowed in a {surface}", where)
    yield from fields(value, shape, where)
    yield from inside(value, shape, surface, where)
    special = SPECIAL.get(kind)
    if special:
        yield from special(value, where)


def fields(value: Mapping[str, Any], shape: Shape, where: str) -> Iterator[str]:
    yield from (problem(f"missing required field: {name}", where) for name in shape.required if value.get(name) is None)
    if shape.one_of and all(value.get(name) is None for name in shape.one_of):
        yield problem(f"missing one of: {', '.join(shape.one_of)}", where)
    for name in sorted(set(value) - shape.known()):
        yield problem(f"invalid additional property: {name}", where)
    for limits, kinds in ((shape.texts, TEXT), (shape.plain, frozenset({"plain_text"}))):
        for name, most in limits.items():
            if value.get(name) is not None:
                yield from text_object(value[name], most, kinds, f"{where}/{name}")
    yield from lengths(value, shape.strings, where)
    yield from amounts(value, shape, where)


def amounts(value: Mapping[str, Any], shape: Shape, where: str) -> Iterator[str]:
    for name, (fewest, most) in shape.counts.items():
        yield from size(value.get(name), fewest, most, f"{where}/{name}")
    for name, allowed in shape.choices.items():
        if value.get(name) is not None and value[name] not in allowed:
            yield problem(f"must be {' or '.join(allowed)}", f"{where}/{name}")
    for name, (low, high) in shape.numbers.items():
        number = value.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)
                                   or not low <= number <= high):
            yield problem(f"must be a number from {low:g} to {high:g}", f"{where}/{name}")


def inside(value: Mapping[str, Any], shape: Shape, surface: Surface, where: str) -> Iterator[str]:
    for name, kinds in shape.holds.items():
        held = value.get(name)
        if held is None:
            continue
        for place, each in enumerate(held) if isinstance(held, list) else [(None, held)]:
            at = f"{where}/{name}" if place is None else f"{where}/{name}/{place}"
            yield from within(each, kinds, surface, at, name)


def within(each: Any, kinds: frozenset[str], surface: Surface, at: str, name: str) -> Iterator[str]:
    """One thing inside another: a text, an object that needs no type, or an element of an allowed type."""
    kind = str(each.get("type")) if isinstance(each, dict) else ""
    [only] = kinds if len(kinds) == 1 else [""]
    if kind in TEXT and kind in kinds:
        yield from text_object(each, 2000 if name == "fields" else 3000, TEXT, at)
    elif only in OBJECTS:
        yield from checked(each, OBJECTS, surface, at, only)
    elif kind not in kinds:
        yield problem(f"unsupported type here: {kind or 'none'}", at)
    elif kind in OBJECTS:
        yield from checked(each, OBJECTS, surface, at)
    elif kind in ELEMENTS:
        yield from checked(each, ELEMENTS, surface, at)


def action_ids(block: Mapping[str, Any], where: str) -> Iterator[str]:
    elements = block.get("elements")
    given = [each.get("action_id") for each in elements if isinstance(each, dict)] if isinstance(elements, list) else []
    for action, times in Counter(each for each in given if isinstance(each, str)).items():
        if times > 1:
            yield problem(f"action_id {action!r} is used {times} times in this block", where)


def initial(element: Mapping[str, Any], where: str) -> Iterator[str]:
    """What is chosen beforehand must be among the options."""
    chosen = element.get("initial_options") or [element.get("initial_option")]
    groups = element.get("option_groups") or [{"options": element.get("options") or []}]
    try:
        offered = [(each["text"]["text"], each["value"]) for group in groups for each in group["options"]]
        asked = [(each["text"]["text"], each["value"]) for each in chosen if each]
    except (KeyError, TypeError):
        return  # told already as a malformed option
    for each in asked:
        if each not in offered:
            yield problem(f"the initial option {each[1]!r} is not among the options", where)


def charted(block: Mapping[str, Any], where: str) -> Iterator[str]:
    """Every series has one point for each category, in the order of the axis, and a name of its own."""
    try:
        series, axis = block["chart"]["series"], block["chart"]["axis_config"]["categories"]
        names = {str(each["name"]) for each in series}
        labels = [sorted(str(point["label"]) for point in each["data"]) for each in series]
    except (KeyError, TypeError):
        return  # a pie, or told already as a missing field
    if not isinstance(axis, list):
        yield problem("must be a list", f"{where}/chart/axis_config/categories")
        return
    if len(names) < len(labels):
        yield problem("series names must differ", f"{where}/chart/series")
    for place, category in enumerate(axis):
        if not isinstance(category, str) or not 1 <= len(category) <= 20:
            yield problem("must be less than 21 characters", f"{where}/chart/axis_config/categories/{place}")
    for place, each in enumerate(labels):
        if each != sorted(map(str, axis)):
            yield problem("one data point for each category", f"{where}/chart/series/{place}/data")


def cells(block: Mapping[str, Any], where: str) -> Iterator[str]:
    """Rows of a table: at most 20 cells, of the types a cell may have."""
    rows = block.get("rows")
    for place, row in enumerate(rows if isinstance(rows, list) else []):
        at = f"{where}/rows/{place}"
        yield from size(row, 1, TABLE_COLUMNS, at)
        for column, cell in enumerate(row if isinstance(row, list) else []):
            kind = cell.get("type") if isinstance(cell, dict) else cell
            if kind not in ("raw_text", "raw_number", "rich_text"):
                yield problem(f"unsupported cell: {kind!r}", f"{at}/{column}")
            elif kind == "raw_text":
                yield from lengths(cell, {"text": 3000}, f"{at}/{column}")


def even(block: Mapping[str, Any], where: str) -> Iterator[str]:
    rows = block.get("rows")
    yield from cells(block, where)
    if isinstance(rows, list) and len({len(each) for each in rows if isinstance(each, list)}) > 1:
        yield problem("every row has as many cells as the first", f"{where}/rows")
    if sum(len(each) for each in words(rows)) > DATA_TABLE_TOTAL:
        yield problem(f"at most {DATA_TABLE_TOTAL:,} characters in a data table", f"{where}/rows")


SPECIAL = {"actions": action_ids, "context_actions": action_ids, "static_select": initial,
           "multi_static_select": initial, "radio_buttons": initial, "checkboxes": initial,
           "data_visualization": charted, "table": cells, "data_table": even}


def words(value: Any) -> Iterator[str]:
    """Every text a reader would see in a block."""
    if isinstance(value, list):
        for each in value:
            yield from words(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in ("text", "title", "label", "name") and isinstance(each, str):
                yield each
            else:
                yield from words(each)


def together(surface: Surface, blocks: list[dict[str, Any]]) -> Iterator[str]:
    """What holds for all blocks at once."""
    for given, times in Counter(each["block_id"] for each in blocks if isinstance(each.get("block_id"), str)).items():
        if times > 1:
            yield problem(f"block_id {given!r} is used {times} times", "/blocks")
    if surface != "message":
        return
    kinds = Counter(str(each.get("type")) for each in blocks)
    for kind, most in AT_MOST.items():
        if kinds[kind] > most:
            yield problem(f"at most {most} {kind} in a message, there are {kinds[kind]}", "/blocks")
    markdown = sum(len(str(each.get("text"))) for each in blocks if each.get("type") == "markdown")
    if markdown > MARKDOWN_TOTAL:
        yield problem(f"at most {MARKDOWN_TOTAL:,} characters in all markdown blocks", "/blocks")
    total = sum(len(each) for block in blocks if block.get("type") != "data_table" for each in words(block))
    if total > MESSAGE_TOTAL:
        yield problem(f"at most {MESSAGE_TOTAL:,} characters over all blocks, there are {total:,}", "/blocks")
