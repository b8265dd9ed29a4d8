"""A form for what a runbook asks for: typed inputs, and the way back into the command line."""

import pytest

from bots import forms
from mlops_tui.project import Project

BOOK = """\
---
title: Asked
params:
  group: {type: text, help: The column}
  level: {type: choice, of: [low, high], default: low}
  window: {type: duration, default: 7d, min: 1d}
  model: {type: model}
---
## 1. a
{group} {level} {window} {model}
"""
BEGIN = ("runbook", "run", "asked")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mlops.yaml").write_text("project: flights\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "asked.md").write_text(BOOK)
    return Project(tmp_path)


def block(view, name):
    return next(each for each in view["blocks"] if each.get("block_id") == f"f:set:{name}")


def test_the_form_asks_for_what_the_runbook_needs_with_its_types(project):
    assert forms.needs_form(BEGIN, project)
    view = forms.modal(BEGIN, project=project)
    assert [block(view, name)["optional"] for name in ("group", "level", "window", "model")] == [
        False, True, True, True]
    assert block(view, "group")["hint"]["text"] == "The column"
    assert [each["value"] for each in block(view, "level")["element"]["options"]] == ["low", "high"]
    assert block(view, "window")["element"]["placeholder"]["text"] == "7d by default"
    assert "p:given" not in [each.get("block_id") for each in view["blocks"]]


def test_what_was_given_is_not_asked_again(project):
    assert not forms.needs_form((*BEGIN, "--set", "group=carrier"), project)
    assert not forms.needs_form(("runbook", "run", "data-drift"), project)
    assert not forms.needs_form(("runbook", "run", "nothing-such"), project)


def test_what_is_filled_in_comes_back_as_words_and_what_is_wrong_stands_at_its_input(project):
    view = forms.modal(BEGIN, project=project)
    said = {"group": {"value": "carrier"}, "level": {"selected_option": {"value": "high"}}, "window": {"value": "1h"}}
    state = {"values": {f"f:set:{name}": {"value": value} for name, value in said.items()}}
    argv, reason = forms.argv_from(state, view["private_metadata"])
    assert (argv, reason) == (("runbook", "run", "--set", "group=carrier", "--set", "level=high", "--set", "window=1h",
                               "asked"), None)
    assert forms.errors(argv, project) == {"f:set:window": "window lies from 1d, and 1h does not."}
    assert forms.errors((*BEGIN, "--set", "group=carrier"), project) == {}
