"""The house rules, read off the code's own syntax trees; outliers are printed, only broken rules fail."""

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mlops_tui", "bots", "store", "runbooks", "templates")
AREAS = ("core", "framing", "data", "features", "modeling", "serving", "monitoring", "governance", "scale", "response",
         "knowledge")

# The command group imports the one capability invoked; a surface is imported at its entry. Nowhere else is lazy.
MAY_BE_LAZY = {"mlops_tui/cli.py", "mlops_tui/__main__.py", "mlops_tui/commands.py", "mlops_tui/capability.py",
               "mlops_tui/session.py", "mlops_tui/daemon.py"}
# `perform`, and the end of each surface or process, where a bug becomes an answer.
MAY_CATCH_ALL = ("mlops_tui/commands.py", "mlops_tui/cli.py", "mlops_tui/child.py", "mlops_tui/daemon.py",
                 "mlops_tui/jobs.py", "mlops_tui/tui/", "bots/")

LINES, FUNCTION, PARAMETERS, NESTING = 400, 40, 5, 3


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One of our files with its dotted name and its syntax tree."""

    name: str
    path: str
    lines: int
    tree: ast.Module

    @property
    def package(self) -> bool:
        return self.path.endswith("__init__.py")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def inside_functions(self) -> set[int]:
        return {id(node) for function in self.functions for node in ast.walk(function)}


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for package in PACKAGES:
        # below templates/ and runbooks/ lie files for a user's project: data, whatever their ending
        within = "*.py" if package in ("runbooks", "templates") else "**/*.py"
        for file in sorted((ROOT / package).glob(within)):
            path, source = file.relative_to(ROOT), file.read_text(encoding="utf-8")
            parts = path.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path.as_posix(), source.count("\n"), ast.parse(source)))
    return tuple(found)


def for_types_only(module: Module) -> set[int]:
    return {id(inner) for node in module.nodes
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) for inner in ast.walk(node)}


@cache
def known_names() -> frozenset[str]:
    return frozenset(each.name for each in modules())


def imports(module: Module) -> Iterator[tuple[ast.stmt, set[str]]]:
    """Each import statement with the modules of ours that it loads."""
    known = known_names()
    for node in module.nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]
        ours = {name for name in names if name in known and name != module.name}
        if ours:
            assert isinstance(node, ast.stmt)
            yield node, ours


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph.get(name, ()):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name):]
            del stack[stack.index(name):]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_a_cycle_is_found_where_there_is_one() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert cycles({"a": {"b"}, "b": {"c"}}) == []


def test_no_module_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {}
    for module in modules():
        skip = for_types_only(module) | module.inside_functions
        for node, ours in imports(module):
            if id(node) not in skip:
                graph.setdefault(module.name, set()).update(ours)
    assert len(graph) > 3, "the reader of imports sees nothing"
    assert cycles(graph) == []


def test_only_the_command_group_and_the_surfaces_import_lazily() -> None:
    lazy = [f"{module.path}:{node.lineno} {', '.join(sorted(ours))}"
            for module in modules() if module.path not in MAY_BE_LAZY
            for node, ours in imports(module) if id(node) in module.inside_functions]
    assert lazy == []


def caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"everything"}
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(each).rpartition(".")[2] for each in named}


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether every error ends here; one that is cleaned up after and raised again does not."""
    last = handler.body[-1]
    return bool(caught(handler) & {"everything", "Exception", "BaseException"}) and not (
        isinstance(last, ast.Raise) and last.exc is None)


def tries_an_import(block: ast.Try) -> bool:
    """An import that may fail quietly; one whose name a person declared has to be tried, and is not meant."""
    inner = [node for statement in block.body for node in ast.walk(statement)]
    return any(isinstance(node, ast.Import | ast.ImportFrom)
               or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
                   and isinstance(node.args[0], ast.Constant)) for node in inner)


def test_no_import_is_tried_and_caught() -> None:
    guarded = [f"{module.path}:{node.lineno}" for module in modules() for node in module.nodes
               if isinstance(node, ast.Try) and tries_an_import(node)
               and any(caught(handler) & {"ImportError", "ModuleNotFoundError"} for handler in node.handlers)]
    assert guarded == []


def test_everything_is_caught_only_where_a_surface_ends() -> None:
    broad = [f"{module.path}:{node.lineno}" for module in modules()
             if not module.path.startswith(MAY_CATCH_ALL)
             for node in module.nodes
             if isinstance(node, ast.ExceptHandler) and catches_all(node)]
    assert broad == []


def test_no_error_is_swallowed_whole() -> None:
    silent = [f"{module.path}:{node.lineno}" for module in modules() for node in module.nodes
              if isinstance(node, ast.ExceptHandler) and catches_all(node)
              and all(isinstance(each, ast.Pass) for each in node.body)]
    assert silent == []


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    missing = [module.path for module in modules() if not (ast.get_docstring(module.tree) or "").split("\n")[0].strip()]
    assert missing == []


@pytest.mark.parametrize("folder", ["runbooks", "templates"])
def test_a_folder_of_data_holds_no_code(folder: str) -> None:
    code = [module for module in modules() if module.path.startswith(f"{folder}/")]
    assert [module.path for module in code] == [f"{folder}/__init__.py"]
    assert len(code[0].tree.body) == 1, "a docstring and nothing else"


def capability_files() -> list[Path]:
    return [path for area in AREAS for path in sorted((ROOT / "mlops_tui" / area).glob("*.py"))
            if not path.stem.startswith("_")]


def test_every_capability_has_a_test_of_its_name() -> None:
    untested = [path.relative_to(ROOT).as_posix() for path in capability_files()
                if not (ROOT / "tests" / path.parent.name / f"test_{path.stem.rstrip('_')}.py").exists()]
    assert untested == []


def test_a_capability_names_one_thing() -> None:
    stems = [path.stem.rstrip("_") for path in capability_files()]
    assert sorted(set(stems)) == sorted(stems), "two areas offer the same noun"


def test_the_lists_of_the_tools_name_the_areas_that_exist() -> None:
    folders = {path.name for path in (ROOT / "mlops_tui").iterdir() if path.is_dir() and path.name != "__pycache__"}
    rules = {"access", "alerts", "assurance", "declarations", "incidents", "inputs", "logs", "models", "oversight",
             "privacy", "profiling", "provenance", "quality", "running", "tracing"}
    assert folders - set(AREAS) <= {"analysis", "render", "transforms", "tui", *rules}
    assert set(AREAS) <= folders


def length(function: Function) -> int:
    """Lines of the body, the docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or function.lineno) - body[0].lineno + 1


Block = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match


def depth(node: ast.AST) -> int:
    """How deep blocks are nested below a node; an elif counts as its if."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        block = isinstance(child, Block)
        elif_ = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        if not isinstance(child, Function | ast.ClassDef | ast.Lambda):
            deepest = max(deepest, depth(child) + (block and not elif_))
    return deepest


def parameters(function: Function) -> int:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([each for each in arguments if each.arg not in ("self", "cls")])


SAMPLE = """
def sized(a, b, *, c):
    'Two levels, three parameters, four lines.'
    for each in a:
        if b:
            return each
    return c
"""


def test_sizes_are_measured_as_one_would_count() -> None:
    [sample] = ast.parse(SAMPLE).body
    assert isinstance(sample, ast.FunctionDef)
    assert (length(sample), depth(sample), parameters(sample)) == (4, 2, 3)


def outliers() -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """What is larger than we aim for, largest first: signs to look at, not walls."""
    yield f"modules over {LINES} lines", [(each.lines, each.path) for each in modules() if each.lines > LINES]
    commands = tuple(f"mlops_tui/{area}/" for area in AREAS)  # these have a parameter for each option
    for title, limit, measure, left_out in (("lines", FUNCTION, length, ()), ("levels of nesting", NESTING, depth, ()),
                                            ("parameters", PARAMETERS, parameters, commands)):
        yield f"functions over {limit} {title}", [
            (measure(function), f"{module.path}:{function.lineno} {function.name}")
            for module in modules() if not module.path.startswith(left_out) for function in module.functions
            if measure(function) > limit]


def test_nothing_has_outgrown_its_reader_twice_over(capsys: pytest.CaptureFixture[str]) -> None:
    """`make house` prints the outliers; they fail only at twice the aim, where nobody reads them any more."""
    lines = sorted(module.lines for module in modules() if not module.package)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(lines)} modules, {sum(lines)} lines, median {lines[len(lines) // 2]}\n")
        for title, found in outliers():
            rows = [f"{size:6} {where}\n" for size, where in sorted(found, reverse=True)]
            sys.stdout.write("".join([f"{title}: {len(rows)}\n", *rows]))
    assert [module.path for module in modules() if module.lines > 2 * LINES] == []


TOO_VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "handler", "misc"}


def test_no_module_is_named_for_nothing() -> None:
    vague = [module.path for module in modules() if module.name.rpartition(".")[2] in TOO_VAGUE]
    assert vague == []


def named(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def asserts(function: Function) -> bool:
    return any(isinstance(node, ast.Assert) or named(node) == "fail"
               or any(word in named(node) for word in ("assert", "raises", "warns", "expect"))
               for node in ast.walk(function))


def test_every_test_can_fail() -> None:
    idle = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(path.read_text(encoding="utf-8"))
        idle += [f"{path.relative_to(ROOT)}:{node.lineno} {node.name}" for node in ast.walk(tree)
                 if isinstance(node, Function) and node.name.startswith("test_") and not asserts(node)]
    assert idle == []
