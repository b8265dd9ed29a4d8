"""Names and texts put safely into SQL; values are bound wherever the statement allows it."""


def quote(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in single quotes, for the few places that take no bound value (file lists)."""
    return "'" + text.replace("'", "''") + "'"


def file_list(paths: list[str]) -> str:
    """A SQL list of file names."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"
