"""A checklist file with one more item: the text is edited, so that comments and layout stay as people wrote them."""

from dataclasses import replace

import yaml

from mlops_tui.declarations.declare import parse, span_text
from mlops_tui.declarations.kinds import Checklist, Item
from mlops_tui.errors import BadInput, Unreadable

HEADER = "# What a version must show before it may become champion.\n"


def with_item(text: str, item: Item, path: str) -> str:
    """The file's text with the item added at the end of `items`; BadInput where the id is taken."""
    before = parse(Checklist, text, path) if text.strip() else Checklist(())
    if any(each.id == item.id for each in before.items):
        raise BadInput(f"The checklist has an item '{item.id}' already.", where=path, next="Choose another --item.")
    line = _as_yaml(item)
    edited = _edited(text, line, path) if text.strip() else f"{HEADER}items:\n  - {line}\n"
    if not _reads_as(edited, replace(before, items=(*before.items, item)), path):
        raise Unreadable("The file cannot be edited without disturbing it.", where=path,
                         next=f"Add this item by hand: {line}")
    return edited


def _reads_as(text: str, wanted: Checklist, path: str) -> bool:
    try:
        return parse(Checklist, text, path) == wanted
    except Unreadable:
        return False


def _as_yaml(item: Item) -> str:
    """The item on one line, its keys in the order of the schema."""
    given = {"id": item.id, "finding": item.finding, "sign_off": item.sign_off,
             "max_age": span_text(item.max_age) if item.max_age is not None else "", "title": item.title,
             "lesson_of": item.lesson_of, "expires": item.expires}
    kept = {key: value for key, value in given.items() if value}
    return yaml.safe_dump(kept, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()


def _edited(text: str, line: str, path: str) -> str:
    items = _items(text, path)
    ending = "\r\n" if "\r\n" in text else "\n"
    if items.flow_style:
        end = items.value[-1].end_mark.index if items.value else items.start_mark.index + 1
        return f"{text[:end]}{', ' if items.value else ''}{line}{text[end:]}"
    lines = text.splitlines(keepends=True)
    last = items.value[-1].start_mark.line
    for number in range(last + 1, len(lines)):
        indented = len(lines[number]) - len(lines[number].lstrip())
        if not lines[number].strip():
            continue
        if indented <= items.start_mark.column and not lines[number].lstrip().startswith("#"):
            break
        if indented > items.start_mark.column:
            last = number
    if not lines[last].endswith("\n"):
        lines[last] += ending
    lines.insert(last + 1, f"{' ' * items.start_mark.column}- {line}{ending}")
    return "".join(lines)


def _items(text: str, path: str) -> yaml.SequenceNode:
    """Where the list stands in the text."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, value in pairs:
        if key.value == "items" and isinstance(value, yaml.SequenceNode):
            return value
    raise Unreadable("There is no list 'items'.", where=path)
