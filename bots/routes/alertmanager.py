"""Alertmanager's API v2: an alert is its labels, fires until `endsAt`, and is told again before that comes.

POST /api/v2/alerts as in its OpenAPI file (api/v2/openapi.yaml of prometheus/alertmanager): a list of alerts with
labels, annotations, startsAt and endsAt; the same labels are the same alert, one whose endsAt has passed is resolved.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.routes.calling import Environment, bearer, called
from mlops_tui.alerts.routing import Message
from mlops_tui.declarations.routes import Route

KEPT = 4  # times so long as it is told again, it fires there though nobody tells it


def alert(message: Message, route: Route, now: datetime) -> dict[str, Any]:
    """One alert of the request's body."""
    labels = {"alertname": message.monitor or message.check or "test", "severity": message.severity,
              "project": message.project, "alert": message.alert or "TEST", "subject": message.about, **route.labels}
    notes = {"summary": f"{'TEST: ' if message.test else ''}{message.title}", "costs": message.cost,
             "runbook": message.runbook, "look": f"mlops-tui alert show {message.alert}" if message.alert else ""}
    starts = min(datetime.fromisoformat(message.since), now - timedelta(seconds=1))
    ends = now if message.event == "resolve" else now + KEPT * route.every
    return {"labels": {name: text for name, text in labels.items() if text},
            "annotations": {name: text for name, text in notes.items() if text},
            "startsAt": starts.astimezone(UTC).isoformat(), "endsAt": ends.astimezone(UTC).isoformat()}


def send(messages: Iterable[Message], route: Route, environment: Environment, now: datetime) -> str:
    """Tell how they stand; `now` is the machine's time, by which Alertmanager goes."""
    body = json.dumps([alert(each, route, now) for each in messages]).encode()
    called(f"{route.url.rstrip('/')}/api/v2/alerts", body, bearer(route, environment), route, environment)
    return "alertmanager"
