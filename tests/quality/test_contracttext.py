"""A contract that is read and written again has lost nothing: every key of the standard, in every mixture."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import open_data_contract_standard
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlops_tui.declarations.declare import parse, read
from mlops_tui.declarations.odcs import Contract
from mlops_tui.quality.contracttext import document, written

STANDARD = json.loads((Path(open_data_contract_standard.__path__[0]) / "schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft201909Validator(STANDARD)
SHIPPED = sorted((Path(__file__).parents[2] / "templates" / "flights" / "datasets").glob("*.yaml"))

# What a key that only some types or places allow may be; every other value is made from the standard's own schema.
OPTIONS = {"string": [{"minLength": 1, "maxLength": 9, "pattern": "^a", "format": "email"}],
           "number": [{"minimum": 1, "maximum": 9.5, "multipleOf": 0.5}, {"exclusiveMinimum": 0}],
           "integer": [{"exclusiveMaximum": 9, "format": "i32"}],
           "timestamp": [{"timezone": True, "defaultTimezone": "Etc/UTC"}], "boolean": [{}], "date": [{}]}
QUALITY = [{"metric": "nullValues", "mustBe": 0, "unit": "percent"}, {"metric": "rowCount", "mustBeBetween": [1, 9]},
           {"type": "sql", "query": "SELECT 1", "mustNotBe": 3}, {"type": "text", "description": "read it"},
           {"metric": "invalidValues", "arguments": {"validValues": ["a", 1]}, "mustNotBeBetween": [2, 3]},
           {"type": "custom", "engine": "soda", "implementation": {"a": [1, "x"]}},
           {"metric": "duplicateValues", "mustBeLessThan": 5, "severity": "error", "dimension": "uniqueness",
            "businessImpact": "cost", "scheduler": "cron", "schedule": "0 1 * * *", "method": "x", "name": "n",
            "id": "q1", "tags": ["t"], "customProperties": [{"property": "p", "value": {"a": None}}],
            "authoritativeDefinitions": [{"type": "x", "url": "https://example.org"}]}]
SERVERS = [{"server": "here", "type": "local", "path": "p", "format": "csv", "environment": "dev"},
           {"server": "there", "type": "custom", "description": "d", "roles": [{"role": "r"}]}]
GIVEN = {"schema", "servers", "quality", "relationships", "logicalTypeOptions", "logicalType", "items", "properties",
         "apiVersion", "kind", "team", "contractCreatedTs", "name"}


def keys_of(node: dict[str, Any]) -> dict[str, Any]:
    """The keys of an object of the standard, those of what it builds upon with them."""
    node = resolved(node)
    found = dict(node.get("properties", {}))
    for part in node.get("allOf", ()):
        found |= keys_of(part) if "$ref" in part or "properties" in part else {}
    return found


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    return resolved(STANDARD["$defs"][node["$ref"].rpartition("/")[2]]) if "$ref" in node else node


def value(node: dict[str, Any], draw: st.DrawFn) -> Any:
    """Some value that the standard allows there."""
    node = resolved(node)
    for way in ("oneOf", "anyOf"):
        if way in node and "type" not in node:
            return value(draw(st.sampled_from(node[way][:5])), draw)
    if "enum" in node:
        return draw(st.sampled_from(node["enum"]))
    kind = node.get("type", "object")
    if kind == "array":
        return [value(node["items"], draw) for _ in range(draw(st.integers(1, 2)))] if "items" in node else ["x", 1]
    if kind == "object":
        made = mixture(node, draw)
        return made or {"some": "thing"} if not keys_of(node) else made
    if kind == "string":
        return "2013-09-14" if node.get("format") == "date" else draw(st.sampled_from(["a1", "b_2", "c-3"]))
    return {"boolean": draw(st.booleans()), "integer": 7, "number": 2.5, "null": None}[kind]


def mixture(node: dict[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    """An object with all that it must and some of what it may have."""
    node = resolved(node)
    wanted = {*node.get("required", ()), *(key for part in node.get("allOf", ())
                                           for key in resolved(part).get("required", ()))}
    return {key: value(each, draw) for key, each in keys_of(node).items()
            if key not in GIVEN and (key in wanted or draw(st.booleans()))} | {
        key: draw(st.sampled_from(["a1", "b_2"])) for key in wanted & {"name"}}


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Any]:
    """A document with any mixture of the standard's keys that it accepts."""
    defs = STANDARD["$defs"]
    properties = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(sorted(OPTIONS)))
        made = mixture(defs["SchemaProperty"], draw) | {"name": f"column_{number}", "logicalType": kind}
        if draw(st.booleans()):
            made["logicalTypeOptions"] = draw(st.sampled_from(OPTIONS[kind]))
        if draw(st.booleans()):
            made["quality"] = draw(st.lists(st.sampled_from(QUALITY), min_size=1, max_size=3))
        if draw(st.booleans()):
            made["relationships"] = [{"type": "foreignKey", "to": "other.id"}]
        properties.append(made)
    whole = mixture(defs["SchemaObject"], draw) | {"name": "things", "logicalType": "object", "properties": properties}
    if draw(st.booleans()):
        whole["relationships"] = [{"from": "things.column_0", "to": "other.id"}]
    made = mixture(STANDARD, draw) | {"apiVersion": "v3.1.0", "kind": "DataContract", "schema": [whole]}
    team = draw(st.sampled_from([None, defs["Team"], "list"]))
    if team is not None:
        made["team"] = [mixture(defs["TeamMember"], draw)] if team == "list" else mixture(team, draw)
    for key, some in (("servers", SERVERS), ("contractCreatedTs", ["2013-09-14T06:00:00Z"]), ("name", ["n"])):
        if draw(st.booleans()):
            made[key] = draw(st.lists(st.sampled_from(some), min_size=1)) if key == "servers" else some[0]
    return made


def without_defaults(value: Any, written: Any) -> Any:
    """What was given, less the values that are what the standard takes anyway."""
    if isinstance(value, dict) and isinstance(written, dict):
        return {key: without_defaults(each, written.get(key)) for key, each in value.items()
                if key in written or each not in (False, "", [], {}, None, -1, "string", "library", "object",
                                                  "foreignKey")}
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        return [without_defaults(*each) for each in zip(value, written, strict=True)]
    return value


@given(contracts())
@settings(deadline=None, max_examples=40, derandomize=True, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))
def test_nothing_of_the_standard_is_lost(given: dict[str, Any]) -> None:
    VALID.validate(given)
    contract = parse(Contract, yaml.safe_dump(given), "given.yaml")
    text = written(contract)
    again = yaml.safe_load(text)
    assert parse(Contract, text, "written.yaml") == contract
    VALID.validate(document(contract))
    assert without_defaults(given, again) == again


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_contracts_come_back_whole(path: Path) -> None:
    contract = read(Contract, path)
    assert parse(Contract, written(contract), "written.yaml") == contract
    VALID.validate(document(contract))


def test_the_keys_that_are_mixed_are_all_there_are() -> None:
    found = set(keys_of(STANDARD["$defs"]["SchemaProperty"]))
    assert {"transformLogic", "criticalDataElement", "encryptedName"} <= found
    assert {"slaProperties", "support", "price", "roles"} <= set(keys_of(STANDARD))
