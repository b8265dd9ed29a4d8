"""A data contract written as the standard's YAML, with every key that it was read with and that says something."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from typing import Any

import yaml

from mlops_tui.declarations.declare import key_of
from mlops_tui.declarations.odcs import Contract

ALWAYS = ("logicalType", "value")  # which options a property has depends on its type; a custom property has a value


def document(contract: Contract) -> dict[str, Any]:
    """The contract as the standard's JSON document: keys in the schema's order, defaults left out, days as text."""
    made: dict[str, Any] = _texts(_plain(contract))
    return made


def written(contract: Contract) -> str:
    """The same as text; what is read from it is the contract."""
    return yaml.safe_dump(_plain(contract), sort_keys=False, allow_unicode=True, width=110)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {key_of(each.name): _plain(getattr(value, each.name)) for each in fields(value)
                if _says(each, getattr(value, each.name))}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _texts(value: Any) -> Any:
    """Days and times as JSON has them."""
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _says(each: Field[Any], value: Any) -> bool:
    """Whether a field holds what it would not hold anyway, or has to be there."""
    if each.name in ALWAYS:
        return True
    if each.default is not MISSING:
        return bool(value != each.default) or type(value) is not type(each.default)
    return each.default_factory is MISSING or bool(value != each.default_factory())
