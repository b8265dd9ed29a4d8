"""An Iceberg table: its files where they are, or its rows where the files alone would say something else."""

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow.parquet as pq
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, ValidationError
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, StaticTable, Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import IntegerType, LongType, StringType
from sqlalchemy.exc import SQLAlchemyError

from store.lake import NULL
from store.placed import Placed, Rows, nearest_at
from store.refusal import NotFound, Refusal, Unreadable, nearest

NUMBERED = re.compile(r"(?:v|)(\d+)(?:-[0-9a-fA-F-]+)?\.metadata\.json")


def state_of(path: Path) -> Placed | Rows:
    """The newest state of the table in a folder, or of a metadata file that is named itself."""
    found = path if path.is_file() else _newest(path)
    try:
        table = StaticTable.from_metadata(str(found))
    except (OSError, ValueError, ValidationError) as problem:
        raise Unreadable(f"'{found.name}' is no metadata of an Iceberg table.", where=str(found)) from problem
    return _state(table, str(path))


def in_catalog(catalog: str, name: str) -> Placed | Rows:
    """The present state of a table in a catalog that pyiceberg is configured for (.pyiceberg.yaml, environment)."""
    try:
        opened = load_catalog(catalog)
    except (OSError, ValueError, SQLAlchemyError) as problem:
        said = str(problem) if isinstance(problem, ValueError) else type(problem).__name__
        raise Refusal(f"The Iceberg catalog '{catalog}' cannot be opened: {said}.", next=(
            f"Configure it for pyiceberg: PYICEBERG_CATALOG__{catalog.upper()}__URI, or .pyiceberg.yaml")) from problem
    try:
        return _state(opened.load_table(name), f"{catalog}: {name}")
    except (NoSuchTableError, NoSuchNamespaceError) as problem:
        known = [".".join(each) for space in opened.list_namespaces() for each in opened.list_tables(space)]
        raise NotFound(f"No table '{name}' in the catalog '{catalog}'.", where=catalog,
                       next=nearest(name, known) or f"Tables: {', '.join(known[:8]) or 'none'}.") from problem


def _newest(path: Path) -> Path:
    """The metadata file with the highest number; Unreadable where two have it, since only a catalog knows then."""
    numbers = {each: int(match[1]) for each in (path / "metadata").glob("*.metadata.json")
               if (match := NUMBERED.fullmatch(each.name))}
    if not numbers:
        raise NotFound(f"'{path.name}' is no Iceberg table: it has no metadata.", where=str(path),
                       next=nearest_at(path, "iceberg"))
    last = [each for each, number in numbers.items() if number == max(numbers.values())]
    if len(last) > 1:
        raise Unreadable(f"'{path.name}' has two newest states: {', '.join(sorted(each.name for each in last))}.",
                         where=str(path / "metadata"), next="Only its catalog knows: type: custom, format: iceberg, "
                         "catalog: NAME")
    return last[0]


def _state(table: Table, where: str) -> Placed | Rows:
    snapshot = table.current_snapshot()
    if snapshot is None:
        raise Unreadable("The Iceberg table has no rows yet.", where=where, next="Take it when it has some.")
    version = f"snapshot {snapshot.snapshot_id}"
    tasks = list(table.scan(snapshot_id=snapshot.snapshot_id).plan_files())
    if not tasks:
        raise Unreadable("The Iceberg table has no rows.", where=where, next="Take it when it has some.")
    paths = [_local(task.file.file_path) for task in tasks]
    if not all(paths) or not all(_plain(task, path, table.schema()) for task, path in zip(tasks, paths, strict=True)):
        return Rows(lambda target: _copied(table, snapshot.snapshot_id, target, version))
    base = _common([path for path in paths if path])
    files = sorted((str(path.relative_to(base)), _partition(table, task))
                   for task, path in zip(tasks, paths, strict=True) if path)
    alike = len({tuple(said) for _, said in files}) == 1  # else its partitioning was changed on the way
    return Placed(base, {name: said if alike else {} for name, said in files}, version)


def _local(uri: str) -> Path | None:
    parsed = urlparse(uri)
    return Path(unquote(parsed.path)) if parsed.scheme in ("", "file") else None


def _plain(task: FileScanTask, path: Path | None, schema: Schema) -> bool:
    """Whether a file says alone what its rows are: Parquet, nothing deleted, every column under its present name."""
    if path is None or task.delete_files or not path.name.endswith(".parquet"):
        return False
    own = {int(field.metadata[b"PARQUET:field_id"]): field.name for field in pq.read_schema(path)
           if field.metadata and b"PARQUET:field_id" in field.metadata}
    known = {field.field_id: field.name for field in schema.fields}
    strays = {field.name for field in pq.read_schema(path)} & set(known.values()) - {
        name for id, name in own.items() if known.get(id) == name}
    return not strays and all(known.get(id, name) == name for id, name in own.items())


def _partition(table: Table, task: FileScanTask) -> dict[str, str]:
    """The columns by whose values the file is partitioned as they are; transformed ones are not columns."""
    found = {}
    spec, schema = table.specs()[task.file.spec_id], table.schema()
    for place, part in enumerate(spec.fields):
        field = next((each for each in schema.fields if each.field_id == part.source_id), None)
        if isinstance(part.transform, IdentityTransform) and field is not None and \
                isinstance(field.field_type, (StringType, IntegerType, LongType)):
            value = task.file.partition[place]
            found[field.name] = NULL if value is None else str(value)
    return found


def _common(paths: list[Path]) -> Path:
    base = paths[0].parent
    while not all(path.is_relative_to(base) for path in paths):
        base = base.parent
    return base


def _copied(table: Table, snapshot: int, target: Path, version: str) -> str:
    """Write the rows as Iceberg reads them, batch by batch."""
    reader = table.scan(snapshot_id=snapshot).to_arrow_batch_reader()
    with pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return version
