"""What a dataset is partitioned by: what its contract says, else the folders of its source, else ODCS' own keys."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mlops_tui.declarations.odcs import Contract, CustomProperty, Server

WRITING = ("_", ".")  # names that begin so are not data


def as_it_lies(contract: Contract, root: Path) -> Contract:
    """The contract with the keys of its source's folders as its partitionBy, where it has none of its own.

    A key that the contract neither declares nor derives from its event time has no column, and is none.
    """
    if contract.custom("partitionBy") is not None:
        return contract
    names = {item.name for item in contract.properties} | ({"day"} if contract.custom("eventTime") else set())
    keys = [key for key in _keys(_server(contract), root) if key in names]
    said = CustomProperty(property="partitionBy", value=keys)
    return replace(contract, customProperties=(*contract.customProperties, said)) if keys else contract


def _server(contract: Contract) -> Server | None:
    wanted = contract.custom("source")
    named = [each for each in contract.servers if wanted in (None, each.server or each.id or each.type)]
    return named[0] if len(named) == 1 else None


def _keys(server: Server | None, root: Path) -> list[str]:
    """`tenant` and `day` of `tenant=acme/day=2013-06-01/a.parquet`: the keys of the first file that is there."""
    if server is None or server.type not in ("local", "custom") or server.format != "parquet" or not server.path:
        return []
    fixed = root
    for part in Path(server.path).parts:
        if any(sign in part for sign in "*?["):
            break
        fixed /= part
    first = next(_files(fixed), None)
    return [part.partition("=")[0] for part in first.relative_to(fixed).parts[:-1] if "=" in part] if first else []


def _files(folder: Path) -> Iterator[Path]:
    """The Parquet files below a folder, as they come."""
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(WRITING)]
        yield from (Path(inside, name) for name in names
                    if name.lower().endswith(".parquet") and not name.startswith(WRITING))
