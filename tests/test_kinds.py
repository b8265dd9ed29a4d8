"""What a declaration may not say is refused where it is read."""

import pytest

from mlops_tui.declare import parse
from mlops_tui.errors import Unreadable
from mlops_tui.kinds import Pipeline


@pytest.mark.parametrize("name", ["x/../../outside", "../x", ".hidden", "_own", "a b", ""])
def test_a_step_is_no_path(name: str) -> None:
    with pytest.raises(Unreadable, match="a step is named by"):
        parse(Pipeline, f"steps: [{{name: '{name}', sql: a.sql}}]", "pipelines/p.yaml")


def test_a_step_has_a_plain_name() -> None:
    assert parse(Pipeline, "steps: [{name: carrier_days-2, sql: a.sql}]", "p.yaml").steps[0].name == "carrier_days-2"
