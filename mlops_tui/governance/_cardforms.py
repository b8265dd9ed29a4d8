"""A card as others read it: Hugging Face's README, Google's schema, CycloneDX's bill of materials."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import yaml

from mlops_tui.governance._cardrecord import UNKNOWN, Card, Data, Figure
from mlops_tui.governance._cardview import document
from mlops_tui.render.html import as_html
from mlops_tui.render.json import writable
from mlops_tui.render.markdown import as_markdown

PIPELINE = {"binary": "tabular-classification", "multiclass": "tabular-classification",
            "regression": "tabular-regression"}
SPDX = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "EUPL-1.2",
        "GPL-2.0-only", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-3.0-only", "MIT", "MPL-2.0")
SPACE = uuid.UUID("6f1a4a3e-8a55-5b0c-9d1b-2f9a4c1e7d20")  # of the serial numbers that we make
HASH = re.compile(r"[0-9a-f]{64}")
MAKER = "mlops-tui"
FORMATS = ("markdown", "html", "huggingface", "google", "cyclonedx", "json")


def written(card: Card, form: str, zone: tzinfo) -> str:
    """The card in one of FORMATS; the same record gives the same bytes."""
    match form:
        case "markdown":
            return as_markdown(document(card), zone=zone)
        case "html":
            return as_html(document(card), zone=zone)
        case "huggingface":
            return huggingface(card, zone)
        case "google":
            return _json(google(card))
        case "cyclonedx":
            return _json(cyclonedx(card))
        case _:
            return _json(card.document())


def _json(document: object) -> str:
    return writable(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _measured(card: Card) -> Iterator[Figure]:
    """The figures that have a number; the others are named among the gaps."""
    yield from (each for each in card.figures if _finite(each.value))


def _finite(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")


def _day(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).date().isoformat()


# -- Hugging Face ---------------------------------------------------------------------------------------------------


def huggingface(card: Card, zone: tzinfo) -> str:
    """A README for Hugging Face: the metadata with its model-index, then the card."""
    return f"---\n{writable(_front(metadata(card)))}---\n\n{as_markdown(document(card), zone=zone)}"


def _front(values: dict[str, Any]) -> str:
    """YAML in which no value can end the front matter: texts that could are written in quotes with escapes."""
    found: str = yaml.dump(values, Dumper=_Quoted, sort_keys=False, allow_unicode=False, width=10**6)
    return found


class _Quoted(yaml.SafeDumper):
    """YAML whose texts of more than a word are in double quotes, line ends as escapes."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = re.fullmatch(r"[\w./@+-]*", value, re.ASCII) is not None and not value.startswith("-")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Quoted.add_representer(str, _text)


def metadata(card: Card) -> dict[str, Any]:
    """The keys that Hugging Face reads; each metric of a part of the rows once."""
    licence = card.licence.lower() if card.licence in SPDX else ""
    found: dict[str, Any] = {"license": licence or ("other" if card.licence else UNKNOWN)}
    if card.licence and not licence:
        found["license_name"] = card.licence
    found |= {"library_name": "sklearn", "pipeline_tag": PIPELINE.get(card.task, "other"),
              "tags": ["tabular", card.task, *([f"eu-ai-act-{card.eu}"] if card.eu else [])],
              "model_name": card.name}
    results = [_result(card, slice) for slice in dict.fromkeys(each.slice for each in _measured(card))]
    if results:
        found["model-index"] = [{"name": card.name, "results": results}]
    return found


def _result(card: Card, slice: str) -> dict[str, Any]:
    test = next((each for each in card.data if each.role == "test"), None)
    source = next((each for each in card.data if each.role == "source"), None)
    dataset = {"type": source.name if source else UNKNOWN, "name": source.name if source else UNKNOWN,
               "split": "test", **({"config": slice} if slice else {}),
               **({"revision": test.snapshot} if test and test.snapshot else {})}
    metrics = [{"type": each.metric, "value": each.value, "name": each.metric,
                "args": {"low": each.low, "high": each.high, "n": each.n, "method": each.method}}
               for each in _measured(card) if each.slice == slice]
    return {"task": {"type": PIPELINE.get(card.task, "other"), "name": card.task}, "dataset": dataset,
            "metrics": [_without_nothing(each) for each in metrics]}


def _without_nothing(each: dict[str, Any]) -> dict[str, Any]:
    return {**each, "args": {key: value for key, value in each["args"].items() if value not in (None, "")}}


# -- Google ---------------------------------------------------------------------------------------------------------


def google(card: Card) -> dict[str, Any]:
    """The card by the Model Card Toolkit's schema, version 0.0.2."""
    licence = {"identifier": card.licence} if card.licence in SPDX else {"custom_text": card.licence or UNKNOWN}
    return {
        "schema_version": "0.0.2",
        "model_details": {
            "name": card.name, "overview": card.description or UNKNOWN, "documentation": _documentation(card),
            "owners": [{"name": each} for each in card.owners] or [{"name": UNKNOWN}],
            "version": {"name": card.version, "date": _day(card.created), "diff": UNKNOWN}, "licenses": [licence],
            "references": [], "citations": []},
        "model_parameters": {
            "model_architecture": card.estimator or UNKNOWN, "data": [_google_data(each) for each in card.data],
            "input_format": ", ".join(f"{name}: {type}" for name, type in card.inputs) or UNKNOWN,
            "output_format": f"{card.task} by {card.candidate}"},
        "quantitative_analysis": {"performance_metrics": [_google_metric(each) for each in _measured(card)],
                                  "graphics": {"description": "none", "collection": []}},
        "considerations": {
            "users": _described(card.users), "use_cases": _described((card.use,) if card.use else ()),
            "limitations": _described((*card.limits, *(f"unknown: {each}" for each in card.gaps))),
            "tradeoffs": _described(card.tradeoffs),
            "ethical_considerations": [{"name": risk, "mitigation_strategy": measure or UNKNOWN}
                                       for risk, measure in card.ethics]}}


def _documentation(card: Card) -> str:
    said = [f"impact: {card.tier or UNKNOWN}", f"artifact {card.artifact}", f"training {card.key}",
            *(f"{incident}: {verdict}" for incident, verdict, _ in card.replays), *card.lessons]
    return "; ".join(said)


def _described(texts: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"description": each} for each in texts] or [{"description": UNKNOWN}]


def _google_data(each: Data) -> dict[str, Any]:
    return {"name": each.name, "sensitive": {"sensitive_data": list(each.sensitive)},
            "graphics": {"description": "none", "collection": []}, "description": _of_data(each)}


def _of_data(each: Data) -> str:
    about = {True: "about people", False: "not about people", None: "not said whether about people"}[each.personal]
    rows = f"{each.rows:,} rows" if each.rows is not None else f"{UNKNOWN} rows"
    period = f"{each.start or UNKNOWN} to {each.end or UNKNOWN}" if each.start or each.end else ""
    return "; ".join(filter(None, (each.role, each.description, rows, period, about, each.snapshot[:12])))


def _google_metric(each: Figure) -> dict[str, Any]:
    bounds = {name: value for name, value in (("lower_bound", each.low), ("upper_bound", each.high)) if _finite(value)}
    return {"type": each.metric, "value": each.value, "slice": each.slice or "all",
            **({"confidence_interval": bounds} if bounds else {})}


# -- CycloneDX ------------------------------------------------------------------------------------------------------


def cyclonedx(card: Card, spec: str = "1.6") -> dict[str, Any]:
    """A machine-learning bill of materials: the model with its card, and its data with their hashes."""
    model = f"model:{card.name}@{card.version}"
    return {
        "bomFormat": "CycloneDX", "specVersion": spec, "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, card.digest)}",
        "version": 1,
        "metadata": {"timestamp": _stamp(card.created),
                     "tools": {"components": [{"type": "application", "name": MAKER}]},
                     "component": {
                         "type": "machine-learning-model", "bom-ref": model, "name": card.name,
                         "version": card.version, "description": card.description or UNKNOWN,
                         **({"hashes": [{"alg": "SHA-256", "content": card.artifact}]}
                            if HASH.fullmatch(card.artifact) else {}),
                         "licenses": [_licence(card.licence)], "modelCard": _model_card(card)}},
        "components": [_data(each) for each in card.data],
        "dependencies": [{"ref": model, "dependsOn": [_ref(each) for each in card.data]},
                         *({"ref": _ref(each)} for each in card.data)]}


def _stamp(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ref(each: Data) -> str:
    return f"data:{each.role}:{each.name}@{each.snapshot[:12] or UNKNOWN}"


def _licence(name: str) -> dict[str, Any]:
    return {"license": {"id": name} if name in SPDX else {"name": name or UNKNOWN}}


def _data(each: Data) -> dict[str, Any]:
    owners = [{"contact": {"name": name}} for name in each.owners]
    said: dict[str, Any] = {
        "type": "dataset", "name": each.name, "description": _of_data(each),
        "classification": ", ".join(each.classes) or UNKNOWN, "sensitiveData": list(each.sensitive),
        **({"governance": {"owners": owners}} if owners else {})}
    return {"type": "data", "bom-ref": _ref(each), "name": each.name, "version": each.snapshot or UNKNOWN,
            **({"hashes": [{"alg": "SHA-256", "content": each.snapshot}]} if HASH.fullmatch(each.snapshot) else {}),
            "licenses": [_licence(each.licence)], "data": [said]}


def _model_card(card: Card) -> dict[str, Any]:
    properties = {"impact": card.tier or UNKNOWN, "digest": card.digest, "training": card.key,
                  "seed": str(card.seed), "gaps": "; ".join(card.gaps) or "none",
                  **{f"replay {incident}": verdict for incident, verdict, _ in card.replays}}
    fairness = [{"groupAtRisk": card.fairness.group or UNKNOWN, "harms": card.fairness.title}] \
        if card.fairness is not None else []
    return {
        "modelParameters": {
            "approach": {"type": "supervised"}, "task": card.task, "architectureFamily": card.candidate,
            "modelArchitecture": card.estimator or UNKNOWN, "datasets": [{"ref": _ref(each)} for each in card.data],
            "inputs": [{"format": f"{name}: {type}"} for name, type in card.inputs],
            "outputs": [{"format": card.task}]},
        "quantitativeAnalysis": {"performanceMetrics": [_cdx_metric(each) for each in _measured(card)]},
        "considerations": {
            "users": list(card.users) or [UNKNOWN], "useCases": [card.use or UNKNOWN],
            "technicalLimitations": list(card.limits) or [UNKNOWN],
            "performanceTradeoffs": list(card.tradeoffs) or [UNKNOWN],
            "ethicalConsiderations": [{"name": risk, "mitigationStrategy": measure or UNKNOWN}
                                      for risk, measure in card.ethics],
            "fairnessAssessments": fairness},
        "properties": [{"name": f"{MAKER}:{name}", "value": value} for name, value in properties.items()]}


def _cdx_metric(each: Figure) -> dict[str, Any]:
    bounds = {name: repr(value) for name, value in (("lowerBound", each.low), ("upperBound", each.high))
              if _finite(value)}
    return {"type": each.metric, "value": repr(each.value), **({"slice": each.slice} if each.slice else {}),
            **({"confidenceInterval": bounds} if bounds else {})}
