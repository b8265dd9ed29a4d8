"""The process a user's Python runs in: a line of JSON asks, a line of JSON answers, and nothing else reaches the pipe.

Started by `mlops_tui.running.workers` as `python -P -m mlops_tui.child [fit]` in the project's folder; with `fit`, it
imports what a fit needs while nothing is asked yet. Requests:

    {"kind": "step", "function": "steps.py:enrich", "inputs": {"clean": PATH}, "params": {...}, "out": PATH}
    {"kind": "fit", ...}                                see mlops_tui/models/fitting.py
    {"kind": "tune", ...}                               see mlops_tui/models/tuning.py

With `"log": PATH` in a request, what is printed meanwhile goes there. Answers: any number of
`{"progress": [done, total, label]}`, then `{"ok": {...}}` or `{"error": {what, where, next}}`.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType, TracebackType
from typing import Any, TextIO

from mlops_tui.errors import BadInput, NotFound, Refusal, Unreadable, nearest

Request = Mapping[str, Any]
Report = Callable[[int, int, str], None]


def main() -> None:
    """Answer requests until the parent closes the pipe or dies."""
    requests, answers = _own_pipes()
    root = Path.cwd()
    sys.path.insert(0, str(root))

    def say(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    if sys.argv[1:] == ["fit"]:
        _answer({"kind": "ready"}, root, lambda *_: None)  # what fails now fails again when it is asked, and is told
    for line in _lines(requests):
        say(_answer(json.loads(line), root, lambda *progress: say({"progress": progress})))


def _own_pipes() -> tuple[TextIO, TextIO]:
    """Keep both pipes for ourselves: what the user's code prints goes to the log, and it finds nothing to read."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def _lines(requests: TextIO) -> Iterator[str]:
    """Requests as they come. When there can be no more, the process ends at once, whatever the user's code does."""
    waiting: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in requests:
            waiting.put(line)
        if os.getpgrp() == os.getpid():  # what was started here ends too, however it is asked to
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def _answer(request: Request, root: Path, report: Report) -> dict[str, Any]:
    random.seed(0)
    with _printing_to(request.get("log")):
        try:
            return {"ok": KINDS[request["kind"]](request, root, report)}
        except Refusal as problem:
            return {"error": {"what": problem.what, "where": problem.where, "next": problem.next}}
        except BaseException as problem:  # the user's code may raise anything, SystemExit too
            traceback.print_exception(problem.with_traceback(_from_the_project(problem.__traceback__, root)))
            what = f"{type(problem).__name__}: {problem}"
            return {"error": {"what": what, "where": _where(problem, root), "next": ""}}


@contextmanager
def _printing_to(log: str | None) -> Iterator[None]:
    """What is printed meanwhile, also by libraries and by processes that are started, goes to the end of that file."""
    kept = [os.dup(number) for number in (1, 2)]
    if log:
        with Path(log).open("ab") as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for stream, number, before in zip((sys.stdout, sys.stderr), (1, 2), kept, strict=True):
            stream.flush()
            os.dup2(before, number)
            os.close(before)


def _from_the_project(trace: TracebackType | None, root: Path) -> TracebackType | None:
    """The traceback from where the user's code begins; all of it where it does not come to that."""
    inner = trace
    while inner is not None and not Path(inner.tb_frame.f_code.co_filename).is_relative_to(root):
        inner = inner.tb_next
    return inner or trace


def _where(problem: BaseException, root: Path) -> str:
    """`file:line` of the user's code that raised: the innermost frame inside the project."""
    if isinstance(problem, SyntaxError) and problem.filename and problem.lineno:
        return _shown(Path(problem.filename), problem.lineno, root)
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__)
              if Path(frame.filename).is_relative_to(root)]
    return _shown(Path(frames[-1].filename), frames[-1].lineno or 1, root) if frames else ""


def _shown(path: Path, line: int, root: Path) -> str:
    return f"{path.relative_to(root) if path.is_relative_to(root) else path}:{line}"


# -- the user's functions -------------------------------------------------------------------------------------------


def function_of(spelled: str, root: Path) -> Callable[..., Any]:
    """The function behind `file.py:name`; a refusal names the nearest one."""
    file, colon, name = spelled.rpartition(":")
    if not colon or not file.endswith(".py"):
        raise BadInput(f"'{spelled}' is not a function in a file.", next="Write it like steps.py:enrich.")
    path = (root / file).resolve()
    if not path.is_relative_to(root.resolve()):
        raise BadInput(f"'{file}' lies outside the project.")
    if not path.is_file():
        raise NotFound(f"No file '{file}' in the project.",
                       next=nearest(file, [each.name for each in path.parent.glob("*.py")]))
    module = _module(path, root)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise NotFound(f"No function '{name}' in {file}.", where=file,
                       next=nearest(name, known) or f"It has: {', '.join(known) or 'none'}.")
    return function  # type: ignore[no-any-return]


def _module(path: Path, root: Path) -> ModuleType:
    """The file as a module, run once; under another name where that one is taken (`statistics.py`)."""
    name = ".".join(path.relative_to(root.resolve()).with_suffix("").parts)
    for known in (name, f"project.{name}"):
        loaded = sys.modules.get(known)
        if loaded is not None and getattr(loaded, "__file__", None) == str(path):
            return loaded
    if name in sys.modules:
        name = f"project.{name}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Unreadable(f"{path.name} cannot be loaded.", where=str(path))
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def defined_at(function: Callable[..., Any], root: Path) -> str:
    """`file:line` of a function's definition, or nothing for one that is not the project's."""
    code = getattr(function, "__code__", None)
    return _shown(Path(code.co_filename), code.co_firstlineno, root) if code else ""


# -- the kinds of requests ------------------------------------------------------------------------------------------


def step(request: Request, root: Path, _: Report) -> dict[str, Any]:
    """Run one step of a pipeline: `function(inputs, params, out)` writes its result to the path `out`."""
    function, out = function_of(request["function"], root), Path(request["out"])
    began = time.perf_counter()
    function({name: Path(path) for name, path in request["inputs"].items()}, dict(request["params"]), out)
    if not out.exists():
        raise BadInput(f"{request['function']} wrote nothing.", where=defined_at(function, root),
                       next="Write the result to the path that is given as the third argument.")
    return {"seconds": time.perf_counter() - began}


def fit(request: Request, root: Path, report: Report) -> dict[str, Any]:
    """Fit and score models; scikit-learn is imported here since a step does not need it."""
    fitted: dict[str, Any] = import_module("mlops_tui.models.fitting").fit(
        request, lambda spelled: function_of(spelled, root), report)
    return fitted


def tune(request: Request, _: Path, report: Report) -> dict[str, Any]:
    """Fit and score the points of a search, fold within fold."""
    tuned: dict[str, Any] = import_module("mlops_tui.models.tuning").tune(request, report)
    return tuned


def ready(_request: Request, _root: Path, _report: Report) -> dict[str, Any]:
    """Import what a fit needs."""
    import_module("mlops_tui.models.fitting")
    return {}


KINDS: Mapping[str, Callable[[Request, Path, Report], dict[str, Any]]] = {"step": step, "fit": fit,
                                                                              "tune": tune, "ready": ready}


if __name__ == "__main__":
    main()
