"""Where a dataset's data already are, as its contract says, and what lies there now."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mlops_tui.declarations.odcs import Contract, Server
from mlops_tui.errors import BadInput, nearest, need_extra
from store.placed import FORMS, Placed, Rows, files_at

TABLES = {"delta": ("deltalake", "delta"), "iceberg": ("pyiceberg", "iceberg")}  # form: its library, our extra
SECRET = re.compile(r"(password|secret|token|credential)(?!\w*env$)", re.IGNORECASE)
TYPES = ("local", "postgres", "postgresql", "custom")


@dataclass(frozen=True)
class Source:
    """The server that is used, what errors call it, and what lies there."""

    server: Server
    called: str
    lies: Placed | Rows

    @property
    def form(self) -> str:
        return self.server.format or self.server.type


def server_of(contract: Contract, place: Callable[[str], str]) -> Server:
    """The server that customProperties `source` names, or the only one; BadInput says what is missing."""
    wanted = contract.custom("source")
    servers = {each.server or each.id or each.type: each for each in contract.servers}
    if not servers:
        raise BadInput("The contract does not say where its data are.", where=place("source"), next=(
            "Add: servers: [{server: lake, type: local, format: parquet, path: data/flights}]"))
    if wanted is None and len(servers) > 1:
        raise BadInput(f"The contract has {len(servers)} servers: {', '.join(servers)}.", where=place("source"),
                       next="Say which: customProperties: [{property: source, value: NAME}]")
    name = str(wanted) if wanted is not None else next(iter(servers))
    if name not in servers:
        raise BadInput(f"source names '{name}', which is none of the servers.", where=place("source"),
                       next=nearest(name, servers) or f"Servers: {', '.join(servers)}.")
    return servers[name]


def source_of(contract: Contract, root: Path, place: Callable[[str], str]) -> Source:
    """What lies where the contract says, found now."""
    server = server_of(contract, place)
    where = place("source")
    told = next((item.property for item in server.customProperties if SECRET.search(item.property)), "")
    if told:
        raise BadInput(f"'{told}' does not belong into a file that others read.", where=place(told), next=(
            "Put it into an environment variable and name that: {property: passwordEnv, value: SHOP_PASSWORD}"))
    if server.type not in TYPES:
        raise BadInput(f"Data on a server of type '{server.type}' cannot be read yet.", where=where,
                       next=f"These can: {', '.join(TYPES)} (with urlEnv).")
    if server.type.startswith("postgres") or server.custom("urlEnv"):
        return _database(contract, server, where)
    if not server.format:
        raise BadInput("The server has no format.", where=where, next=f"It may be {', '.join((*FORMS, *TABLES))}.")
    if server.format not in (*FORMS, *TABLES):
        raise BadInput(f"The format '{server.format}' is not known.", where=where,
                       next=nearest(server.format, (*FORMS, *TABLES)) or f"Known: {', '.join((*FORMS, *TABLES))}.")
    if server.type == "custom" and server.format == "iceberg" and server.catalog:
        table = ".".join(filter(None, (server.schema or server.database, _table(contract))))
        return Source(server, f"{server.catalog}: {table}", _library("iceberg").in_catalog(server.catalog, table))
    if not server.path:
        raise BadInput("The server has no path.", where=where, next="Say where: path: data/flights")
    path = Path(root, server.path).resolve()
    if server.format in FORMS:
        return Source(server, server.path, files_at(path, server.format))
    return Source(server, server.path, _library(server.format).state_of(path))


def _library(form: str) -> Any:
    library, extra = TABLES[form]
    need_extra(library, extra)
    return import_module(f"store.{form}")


def _table(contract: Contract) -> str:
    return contract.schema[0].physicalName or contract.schema[0].name


def _database(contract: Contract, server: Server, where: str) -> Source:
    """A table behind SQLAlchemy. What is secret comes from the environment and is named by the contract only."""
    database: Any = import_module("store.database")
    if server.custom("urlEnv"):
        url = database.parsed(_secret(server.custom("urlEnv"), where), server.custom("urlEnv"))
        schema = server.schema
    else:
        need_extra("psycopg", "postgres")
        for key in ("host", "database"):
            if not getattr(server, key):
                raise BadInput(f"The server has no {key}.", where=where, next="A postgres server has host, port, "
                               "database and schema.")
        password = _secret(server.custom("passwordEnv"), where) if server.custom("passwordEnv") else None
        user = _secret(server.custom("userEnv"), where) if server.custom("userEnv") else server.custom("user")
        url = database.postgres(server.host, server.port or 5432, server.database, user, password)
        schema = server.schema or "public"
    table = database.Table(url, schema, _table(contract))
    return Source(server, table.called, Rows(table.write, server.custom("incremental"), table.write))


def _secret(variable: str, where: str) -> str:
    """The value of an environment variable that a contract names; it is shown to nobody."""
    value = os.environ.get(variable)
    if value is None:
        raise BadInput(f"The environment variable {variable} is not set.", where=where,
                       next=f"Set it where the command runs: export {variable}=…")
    return value
