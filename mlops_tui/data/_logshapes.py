"""The shapes in which servers log what they answered, recognised and read: one flat row for each prediction."""

import base64
import binascii
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mlops_tui.declarations.kinds import Model
from mlops_tui.logs.payloadshapes import Malformed, document, inputs, mismatch, outputs, plain

KSERVE, SAGEMAKER, DATABRICKS, OIP, PLAIN = (
    "KServe request and response events", "SageMaker data capture", "an MLflow inference table",
    "Open Inference Protocol v2 requests and responses", "plain columns")
MARK = "#"  # the columns of a row that the shape itself knows begin so: `#time`
KEPT = 1 << 16  # characters of a line that are kept when it is set aside
_EVENT = ("inference.request", "inference.response")
Row = dict[str, Any]


@dataclass(frozen=True)
class Aside:
    """A line, or an event, that is no prediction, and why."""

    file: int
    line: int
    reason: str
    text: str


@dataclass
class Reader:
    """Reads documents of one shape. `names` are those of inputs that come without, `wanted` the output that counts.

    What is no prediction is put `aside`; `waiting` are events whose other half has not come yet. `file` is the number
    of the file that is being read.
    """

    model: Model
    names: Sequence[str] = ()
    wanted: str = ""
    file: int = 0
    aside: list[Aside] = field(default_factory=list)
    waiting: dict[tuple[str, str], tuple[int, int, Any]] = field(default_factory=dict)

    def rows(self, shape: str, documents: Iterable[tuple[int, Any]]) -> Iterator[Row]:
        """The rows of numbered documents."""
        if shape == KSERVE:
            yield from self._paired(documents)
            return
        read: Mapping[str, Callable[[Any], list[Row]]] = {
            SAGEMAKER: self._sagemaker, DATABRICKS: self._databricks, OIP: self._oip, PLAIN: self._plain}
        for line, each in documents:
            yield from self._tried(line, each, partial(read[shape], each))

    def _tried(self, line: int, given: Any, reading: Callable[[], list[Row]]) -> list[Row]:
        try:
            return [{**row, "#line": line} for row in reading()]
        except Malformed as problem:
            self.put_aside(line, str(problem), given)
        except RecursionError:
            self.put_aside(line, "it is nested too deep", "")
        return []

    def put_aside(self, line: int, reason: str, given: Any) -> None:
        """Keep what could not be read, and why."""
        try:
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
        except (RecursionError, ValueError):
            text = ""
        self.aside.append(Aside(self.file, line, reason, text[:KEPT].encode(errors="backslashreplace").decode()))

    def _plain(self, given: Any) -> list[Row]:
        if not isinstance(given, dict):
            raise Malformed("it is no JSON object")
        return inputs([given])

    def _oip(self, given: Any) -> list[Row]:
        request, response = _object(given.get("request", given)), _object(given.get("response", given))
        if "inputs" not in request:
            raise Malformed("it has no request")
        known = {"#id": request.get("id") or response.get("id"), "#version": response.get("model_version"),
                 "#endpoint": response.get("model_name")}
        more = {f"{MARK}{role}": given[name] for role, name in _BESIDE.items() if name in given}
        more |= {name: plain(value) for name, value in given.items()
                 if name not in ("request", "response", *_BESIDE.values(), *_OF_OIP)}
        return self._together(request, response, {**known, **more})

    def _databricks(self, given: Any) -> list[Row]:
        known = {"#id": given.get("databricks_request_id") or given.get("client_request_id"),
                 "#time": given.get("timestamp_ms") or given.get("request_time"), "#status": given.get("status_code"),
                 "#latency": given.get("execution_time_ms", given.get("execution_duration_ms")),
                 "#caller": given.get("requester")}
        more = _object(given.get("request_metadata") or {})
        known |= {"#version": more.get("model_version") or given.get("model_version") or given.get("served_entity_id"),
                  "#endpoint": more.get("endpoint_name") or more.get("model_name")}
        return self._together(_object(given.get("request")), given.get("response"), known)

    def _sagemaker(self, given: Any) -> list[Row]:
        captured, about = _object(given.get("captureData")), _object(given.get("eventMetadata"))
        asked, said = captured.get("endpointInput"), captured.get("endpointOutput")
        if asked is None or said is None:
            raise Malformed(f"it captures no {'input' if asked is None else 'output'}")
        known = {"#id": about.get("inferenceId") or about.get("eventId"), "#time": about.get("inferenceTime"),
                 "#status": given.get("status")}
        return self._together(_captured(asked), _captured(said), known)

    def _together(self, request: Any, response: Any, known: Mapping[str, Any]) -> list[Row]:
        """Rows of features beside their answers; several of one request are numbered."""
        rows = inputs(request, self.names)
        failed = _failed(known.get("#status"))
        answers = self._answered(response, failed, len(rows))
        if len(rows) != len(answers):
            mismatch(len(rows), len(answers))
        several, id = len(rows) > 1, known.get("#id")
        return [{**row, **known, **answer, "#id": f"{id}/{place}" if several and id is not None else id}
                for place, (row, answer) in enumerate(zip(rows, answers, strict=True))]

    def _answered(self, response: Any, failed: bool, rows: int) -> list[Row]:
        try:
            body = document(response) if isinstance(response, str) else response
            return [self._answer(each) for each in outputs(body, self.wanted)]
        except Malformed:
            if not failed:
                raise
            return [{} for _ in range(rows)]  # an error has no answer

    def _answer(self, value: Any) -> Row:
        """The answer as the log holds it, by the model's task."""
        if isinstance(value, dict):
            raise Malformed(f"its response has several outputs: {', '.join(map(str, value))[:80]}; declare `output`")
        if not isinstance(value, list):
            return {"#output": value}
        if self.model.task == "multiclass":
            classes = self.model.label.classes
            if len(classes) != len(value):
                raise Malformed(f"it has {len(value)} probabilities, and the model declares {len(classes)} classes")
            best = max(range(len(value)), key=lambda place: _as_number(value[place]))
            return {"#output": value[best], "#answer": classes[best],
                    **{f"answer:{name}": each for name, each in zip(classes, value, strict=True)}}
        if len(value) == 1 or (len(value) == 2 and self.model.task == "binary"):
            return {"#output": value[-1]}
        raise Malformed(f"it has {len(value)} answers where a {self.model.task} model has one")

    # -- KServe: two events for each request ----------------------------------------------------------------------

    def _paired(self, documents: Iterable[tuple[int, Any]]) -> Iterator[Row]:
        for line, given in documents:
            try:
                kind, id = self._event(given)
            except Malformed as problem:
                self.put_aside(line, str(problem), given)
                continue
            other = self.waiting.pop((_EVENT[kind == _EVENT[0]], id), None)
            if other is not None:
                asked, said = (given, other[2]) if kind == _EVENT[0] else (other[2], given)
                yield from self._tried(line, asked, partial(self._kserve, asked, said))
            elif (kind, id) in self.waiting:
                self.put_aside(line, f"the {kind.rpartition('.')[2]} {id[:40]} came before", given)
            else:
                self.waiting[kind, id] = self.file, line, given

    def finish(self) -> None:
        """Put aside the events whose other half is in none of the files."""
        for (kind, id), (file, line, given) in self.waiting.items():
            self.file, missing = file, "response" if kind == _EVENT[0] else "request"
            self.put_aside(line, f"there is no {missing} {id[:40]} in these files", given)
        self.waiting.clear()

    def _event(self, given: Any) -> tuple[str, str]:
        kind, id = str(_attribute(given, "type") or ""), _attribute(given, "id")
        if not kind.endswith(_EVENT):
            raise Malformed(f"its type is '{kind[:60]}', neither a request nor a response")
        if id is None:
            raise Malformed("it has no id")
        return next(each for each in _EVENT if kind.endswith(each)), str(id)

    def _kserve(self, asked: Any, said: Any) -> list[Row]:
        body = _data(said)
        version = body.get("model_version") if isinstance(body, dict) else None
        known = {"#id": _attribute(asked, "id"), "#time": _attribute(asked, "time") or _attribute(said, "time"),
                 "#version": version or _attribute(said, "modelversion"),
                 "#endpoint": _attribute(asked, "endpoint") or _attribute(asked, "inferenceservicename"),
                 "#status": _attribute(said, "status")}
        return self._together(_data(asked), body, known)


_OF_OIP = ("id", "inputs", "outputs", "parameters", "model_name", "model_version")
_BESIDE = {"time": "timestamp", "latency": "latency_ms", "status": "status_code", "caller": "caller"}


def recognised(names: Iterable[str], first: Any = None) -> str:
    """The shape of a file by its columns and, of JSON, its first document."""
    known = set(names)
    if "captureData" in known:
        return SAGEMAKER
    if {"request", "response"} <= known and known & {"databricks_request_id", "client_request_id", "timestamp_ms",
                                                     "request_time", "execution_duration_ms"}:
        return DATABRICKS
    if isinstance(first, dict) and str(_attribute(first, "type") or "").endswith(_EVENT):
        return KSERVE
    if isinstance(first, dict):
        request = first.get("request", first)
        asked = request.get("inputs") if isinstance(request, dict) else None
        if isinstance(asked, list) and asked and isinstance(asked[0], dict) and "datatype" in asked[0]:
            return OIP
    return PLAIN


def _attribute(event: Any, name: str) -> Any:
    """An attribute of a CloudEvent: of a structured one by its name, of a binary one as the header `ce-NAME`."""
    if not isinstance(event, dict):
        raise Malformed("it is no JSON object")
    heads = event.get("headers")
    for place in (event, heads if isinstance(heads, dict) else {}):
        for key, value in place.items():
            if key.lower() in (name, f"ce-{name}", f"ce_{name}"):
                return value[0] if isinstance(value, list) and value else value
    return None


def _data(event: Mapping[str, Any]) -> Any:
    found = next((event[key] for key in ("data", "body", "payload") if key in event), None)
    if found is None and isinstance(event.get("data_base64"), str):
        found = _unpacked(event["data_base64"])
    if found is None:
        raise Malformed("it has no data")
    return document(found) if isinstance(found, str) else found


def _object(value: Any) -> dict[str, Any]:
    found = document(value) if isinstance(value, str) else value
    if isinstance(found, list) and all(isinstance(each, tuple) and len(each) == 2 for each in found):
        found = dict(found)  # a map, as Parquet gives it
    if not isinstance(found, dict):
        raise Malformed("its request is no JSON object" if found is not None else "it has no request")
    return found


def _captured(part: Any) -> Any:
    """What SageMaker captured of one side, by its encoding."""
    part = _object(part)
    data, encoding, kind = part.get("data"), str(part.get("encoding", "")), str(part.get("observedContentType", ""))
    if not isinstance(data, str):
        raise Malformed("it captured no text")
    text = _unpacked(data) if encoding == "BASE64" else data
    if encoding == "CSV" or "csv" in kind:
        rows = [row for row in csv.reader(text.splitlines()) if row]
        found = [[_cell(each) for each in row] for row in rows]
        return [row[0] if len(row) == 1 else row for row in found]
    return document(text)


def _cell(text: str) -> Any:
    """The value of a field without quotes: nothing, a number, or the text."""
    bare = text.strip()
    if not bare:
        return None
    try:
        return document(bare) if len(bare) < 40 and bare.lstrip("+-")[:1].isdigit() else bare
    except Malformed:
        return bare


def _unpacked(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as problem:
        raise Malformed("its data are no base64 of a text") from problem


def _failed(status: Any) -> bool:
    return _as_number(status) >= 400


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("-inf")
