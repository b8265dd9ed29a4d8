"""What of each part is seen, against a table that was filled in another way; and what follows for data made of it."""

from random import Random

import pytest

from mlops_tui.access import Policy, Request
from mlops_tui.access.resources import Resource
from mlops_tui.access.seeing import Asked, Sight, bounds, seen, sights
from mlops_tui.errors import Denied
from store.lake import FileRef, Manifest
from tests.access.test_policy import COLUMNS, EVA, LINES, NOW, TENANTS, VERA, rule, table

POSSIBLE = [line for line in LINES if line[0] != "mask" or "/column/" in line[3]]  # only columns can be masked


def asked(actor=VERA) -> Asked:
    return Asked(Request(actor, "read", Resource("dataset", "d"), NOW), COLUMNS)


def test_each_part_is_seen_as_its_cells_are_decided() -> None:
    draw, found = Random(7), set[str]()
    for _ in range(1500):
        lines = draw.sample(POSSIBLE, draw.randint(1, 5))
        policy, actor = Policy(tuple(rule(*line) for line in lines)), draw.choice((VERA, EVA))
        cells = table(lines, actor.name)
        wanted: list[Sight | None] = []
        for tenant in TENANTS:
            of = {column: cells["d", column, tenant] for column in COLUMNS}
            gone, empty = (tuple(name for name, each in of.items() if each == how) for how in ("deny", "mask"))
            wanted.append(None if len(gone) == len(COLUMNS) else Sight(gone, empty))
        try:
            got = sights(policy, asked(actor), [{"tenant": tenant} for tenant in TENANTS])
        except Denied:
            found.add("denied")
            assert wanted == [None, None], lines
            continue
        assert got == wanted, (lines, actor.name)
        found |= {str(each) for each in got}
    assert len(found) > 8, "the draw sees every case"


def manifest() -> Manifest:
    return Manifest("d", {"id": "BIGINT", "note": "VARCHAR"}, tuple(
        FileRef(f"d/tenant={each}/{each}.parquet", each, 1, 1, {"tenant": each}) for each in TENANTS))


def test_a_snapshot_of_which_all_is_seen_is_the_very_snapshot() -> None:
    policy = Policy((rule("allow", "viewer", "read", "dataset/*"),))
    state = manifest()
    assert seen(policy, asked(), state) is state


def test_a_column_that_is_kept_back_in_one_part_only_is_read_in_the_other() -> None:
    policy = Policy((rule("allow", "*", "read", "dataset/d"),
                     rule("deny", "*", "read", "dataset/d/partition/tenant=acme/column/note")))
    found = seen(policy, asked(), manifest())
    assert [(file.shown, file.emptied) for file in found.files] == [(("id",), ()), ((), ())]
    assert list(found.columns) == ["id", "note"]
    assert found.files[0].digest != manifest().files[0].digest
    assert found.files[1] == manifest().files[1]


def test_a_dataset_of_which_nothing_is_allowed_is_refused_and_not_empty() -> None:
    with pytest.raises(Denied, match="vera may not read 'd': no rule allows vera to read dataset/d"):
        seen(Policy((rule("allow", "engineer", "read", "dataset/d"),)), asked(), manifest())


def test_bounds_tell_parts_columns_and_datasets_apart() -> None:
    policy = Policy((rule("allow", "*", "read", "dataset/d"), rule("allow", "*", "read", "dataset/e/partition/t=1"),
                     rule("mask", "*", "read", "dataset/d/column/note")))
    request = Request(VERA, "read", Resource("dataset", ""), NOW)
    found = bounds(policy, request, {"d": ("id", "note"), "e": ("t",), "f": ("id",)})
    assert (found.parts, found.cells, found.datasets) == ({"e"}, {("d", "note")}, {"f"})
    assert not bounds(policy, request, {"d": ("id",)})
