"""Requests and responses of model servers, unrolled: one row of named inputs, or one answer, for each prediction."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

DEEPEST = 5  # levels of objects whose keys become names such as `customer.age`
MOST_FEATURES = 10_000
_OUTPUTS = ("predictions", "prediction", "outputs", "output", "probabilities", "probability", "scores", "score",
            "results", "result")


class Malformed(Exception):
    """Why a text is no request or no response."""


def document(text: str) -> Any:
    """The JSON that a text holds, with NaN as nothing; Malformed where it is none, or holds what is no value."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as problem:
        raise Malformed(f"it is no JSON: {problem.msg} at character {problem.pos}") from problem
    except RecursionError as problem:
        raise Malformed("it is no JSON: it is nested too deep") from problem
    except ValueError as problem:
        raise Malformed("it holds a number of too many digits") from problem


def _constant(text: str) -> None:
    if text != "NaN":
        raise Malformed(f"it holds {text}, which is no value")


def _number(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise Malformed(f"it holds {text[:20]}, which is too large for a number")
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) < 19 else _number(text)


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_number, parse_int=_whole)


def inputs(body: Any, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of a request, each by name of feature. Where they come without names, `names` are theirs, in order.

    Known are the Open Inference Protocol (`inputs` of tensors), TensorFlow Serving and KServe v1 (`instances`), MLflow
    (`dataframe_split`, `dataframe_records`, `inputs`), a list of rows, and one row by itself.
    """
    if isinstance(body, dict):
        for key in ("dataframe_split", "inputs", "instances", "dataframe_records"):
            if key in body:
                return _unrolled(key, body[key], names)
        if set(body) <= {"columns", "data", "index"} and "data" in body:
            return _split(body)
    return _rows(body if isinstance(body, list) else [body], names)


def _unrolled(key: str, value: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    if key == "dataframe_split":
        return _split(value)
    if key == "inputs" and isinstance(value, dict):
        return _columns(value)
    if key == "inputs" and isinstance(value, list) and value and all(_is_tensor(each) for each in value):
        return tensors(value, names)
    if not isinstance(value, list):
        raise Malformed(f"its {key} are no list")
    return _rows(value, names)


def _split(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Malformed("its dataframe_split has no data")
    columns = value.get("columns")
    if columns is not None and not isinstance(columns, list):
        raise Malformed("its columns are no list")
    return _rows(value["data"], [str(each) for each in columns or ()])


def _columns(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns of equal length, by name; single values are one row."""
    if not any(isinstance(each, list) for each in value.values()):
        return [dict(_flat(value))]
    if not all(isinstance(each, list) for each in value.values()) or len({len(each) for each in value.values()}) > 1:
        raise Malformed("its columns differ in length")
    return _rows([dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)], ())


def _rows(value: Sequence[Any], names: Sequence[str]) -> list[dict[str, Any]]:
    if value and not any(isinstance(each, list | dict) for each in value) and len(value) == len(names) > 1:
        value = [value]  # one row, not a row for each value
    return [dict(_row(each, names)) for each in value]


def _row(value: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from _flat(value)
        return
    found = value if isinstance(value, list) else [value]
    if names and len(found) != len(names):
        raise Malformed(f"it has {len(found)} inputs, and {len(names)} are named")
    if len(found) > MOST_FEATURES:
        raise Malformed(f"it has {len(found):,} inputs, more than a row can have")
    yield from ((names[place] if names else f"x{place + 1}", plain(each)) for place, each in enumerate(found))


def _flat(value: Mapping[str, Any], before: str = "", deep: int = 1) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict) and each and deep < DEEPEST:
            yield from _flat(each, f"{before}{name}.", deep + 1)
        else:
            yield f"{before}{name}", plain(each)


def plain(value: Any) -> Any:
    """The value as a column can hold it: what is nested becomes its text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


# -- tensors ----------------------------------------------------------------------------------------------------


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and {"name", "shape", "datatype"} <= set(value)


def tensors(given: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of tensors whose first dimension is the batch: one named tensor for each feature, or one for all."""
    read = [(str(each["name"]), _tensor(each)) for each in given]
    if len({len(rows) for _, rows in read}) > 1:
        raise Malformed("its tensors differ in the size of the batch")
    found: list[dict[str, Any]] = [{} for _ in read[0][1]] if read else []
    for name, rows in read:
        for row, values in zip(found, rows, strict=True):
            if len(values) == 1:
                row[name] = values[0]
            elif len(read) == 1:
                row.update(_row(values, names))
            else:
                row.update({f"{name}.{place + 1}": each for place, each in enumerate(values)})
    return found


def _tensor(given: Mapping[str, Any]) -> list[list[Any]]:
    """The values of each row of a tensor."""
    shape, name = given["shape"], str(given["name"])
    if not isinstance(shape, list) or not shape or not all(isinstance(each, int) and each >= 0 for each in shape):
        raise Malformed(f"the shape of {name[:40]} is none")
    if "data" not in given:
        raise Malformed(f"the tensor {name[:40]} has no data: binary ones are not in a log")
    values = list(_flattened(given["data"]))
    size = math.prod(shape)
    if size != len(values):
        raise Malformed(f"the tensor {name[:40]} has {len(values)} values, its shape says {size}")
    width = size // shape[0] if shape[0] else 0
    if width > MOST_FEATURES:
        raise Malformed(f"it has {width:,} inputs, more than a row can have")
    return [[plain(each) for each in values[row * width:(row + 1) * width]] for row in range(shape[0])]


def _flattened(data: Any) -> Iterator[Any]:
    """The values of nested lists in order, without calling itself: depth is for others to exhaust."""
    ahead = [iter(data if isinstance(data, list) else [data])]
    while ahead:
        for each in ahead[-1]:
            if isinstance(each, list):
                ahead.append(iter(each))
                break
            yield each
        else:
            ahead.pop()


# -- answers ----------------------------------------------------------------------------------------------------


def outputs(body: Any, wanted: str = "") -> list[Any]:
    """The answers of a response, one for each row: a value, a list by class, or values by name.

    `wanted` names the output that counts, where there are several.
    """
    if isinstance(body, dict):
        if isinstance(body.get("outputs"), list) and body["outputs"] and all(map(_is_tensor, body["outputs"])):
            return [_chosen(row, wanted) for row in _answers(body["outputs"])]
        for key in ((wanted,) if wanted in body else _OUTPUTS):
            if key in body:
                found = body[key]
                if isinstance(found, dict):
                    return [_chosen(row, wanted) for row in _columns(found)]
                return [_chosen(each, wanted) for each in (found if isinstance(found, list) else [found])]
        raise Malformed(f"its response has no predictions, only {', '.join(map(str, body))[:80]}" if body
                        else "its response is empty")
    return [_chosen(each, wanted) for each in (body if isinstance(body, list) else [body])]


def _answers(given: Sequence[Mapping[str, Any]]) -> list[Any]:
    read = [(str(each["name"]), _tensor(each)) for each in given]
    if len({len(rows) for _, rows in read}) > 1:
        raise Malformed("its outputs differ in the size of the batch")
    rows = [{name: values[0] if len(values) == 1 else list(values) for name, values in zip(
        (name for name, _ in read), row, strict=True)} for row in zip(*(rows for _, rows in read), strict=True)]
    return [next(iter(row.values())) if len(row) == 1 else row for row in rows]


def _chosen(value: Any, wanted: str) -> Any:
    """The value of one answer; of a row by name the one that is wanted, or the first that is called like an answer."""
    if not isinstance(value, dict):
        return value
    if wanted in value:
        return value[wanted]
    found = next((value[key] for key in _OUTPUTS if key in value), None)
    if found is not None:
        return found
    return next(iter(value.values())) if len(value) == 1 else value


def mismatch(rows: int, answers: int) -> NoReturn:
    raise Malformed(f"it asks for {rows} and has {answers} answers")
