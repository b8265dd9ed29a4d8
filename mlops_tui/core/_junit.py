"""What was checked as JUnit XML, which build servers show as tests: a suite for each version, a case for each item."""

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from mlops_tui.core._checked import Checked
from mlops_tui.view import Status

# What XML 1.0 (5th edition, §2.2) has no character for.
_FOREIGN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(found: Sequence[Checked]) -> bytes:
    """The document; what fails is a failure, what is unknown an error, what is not asked of the model is skipped."""
    root = ElementTree.Element("testsuites", _counts(found, "mlops-tui check"))
    for suite, each in groupby(sorted(found, key=lambda one: one.suite), key=lambda one: one.suite):
        cases = list(each)
        node = ElementTree.SubElement(root, "testsuite", _counts(cases, suite))
        for case in cases:
            _case(node, case)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode").encode()


def _case(suite: ElementTree.Element, each: Checked) -> None:
    node = ElementTree.SubElement(suite, "testcase", {
        "classname": _text(each.suite), "name": _text(each.name), "time": "0",
        **({"file": _text(each.path), "line": str(each.line)} if each.path else {})})
    kind = {Status.FAIL: "failure", Status.UNKNOWN: "error", Status.DONE: "skipped"}.get(each.status)
    if kind is not None:
        inner = ElementTree.SubElement(node, kind, {"message": _text(f"{each.title}: {each.detail}")})
        if kind != "skipped":
            inner.set("type", each.status.value)
            inner.text = _text(f"{each.path}:{each.line}: {each.title}: {each.detail}")
    elif each.status is Status.WARN:
        ElementTree.SubElement(node, "system-out").text = _text(f"warning: {each.title}: {each.detail}")


def _counts(found: Sequence[Checked], name: str) -> dict[str, str]:
    kinds = {"failures": Status.FAIL, "errors": Status.UNKNOWN, "skipped": Status.DONE}
    return {"name": _text(name), "tests": str(len(found)), "time": "0",
            **{kind: str(sum(each.status is status for each in found)) for kind, status in kinds.items()}}


def _text(text: str) -> str:
    return _FOREIGN.sub("\ufffd", text)
