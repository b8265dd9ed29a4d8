"""What was checked as SARIF 2.1.0 (OASIS, 2020), which code hosts show beside the line that asks for it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mlops_tui import __version__
from mlops_tui.core._checked import Checked
from mlops_tui.view import Status

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"  # what hosts take for the top of the repository
# Whether it is one to look at, and how bad: what is unknown shuts the gate as what fails does.
LEVELS = {Status.FAIL: "error", Status.UNKNOWN: "error", Status.WARN: "warning"}


def as_sarif(found: Sequence[Checked]) -> bytes:
    """The log with one run: a rule for each item, a result for each that fails, is unknown or warns; passed ones are of
    kind `pass`, those that are not asked `notApplicable`, both without a level."""
    ids = list(dict.fromkeys(_rule(each) for each in found))
    titles = {_rule(each): each.title for each in reversed(found)}
    rules = [{"id": id, "shortDescription": {"text": titles[id] or id}} for id in ids]
    run = {"tool": {"driver": {"name": "mlops-tui", "version": __version__, "rules": rules}},
           "columnKind": "unicodeCodePoints", "results": [_result(each, ids) for each in found]}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False).encode()


def _rule(each: Checked) -> str:
    kind = "declaration" if each.suite == "declarations" else "gate"
    return f"{kind}/{each.name}"


def _result(each: Checked, ids: Sequence[str]) -> dict[str, Any]:
    level = LEVELS.get(each.status, "none")
    kind = "fail" if level != "none" else "pass" if each.status is Status.PASS else "notApplicable"
    unknown = "unknown: " if each.status is Status.UNKNOWN else ""
    said = f"{each.suite}: {each.title}: {unknown}{each.detail}"
    mark = hashlib.sha256(f"{each.suite}|{_rule(each)}".encode()).hexdigest()
    place = {"artifactLocation": {"uri": quote(each.path), "uriBaseId": ROOT}, "region": {"startLine": each.line}}
    return {"ruleId": _rule(each), "ruleIndex": ids.index(_rule(each)), "kind": kind, "level": level,
            "message": {"text": said}, "locations": [{"physicalLocation": place}] if each.path else [],
            "partialFingerprints": {"item/v1": mark}}
