"""PagerDuty's Events API v2: an incident for each time an alert fires, opened, acknowledged, resolved by `dedup_key`.

Send an Alert Event, developer.pagerduty.com/docs/send-alert-event: 202 is taken, 400 is wrong for good, 429 and 5xx
are tried again; the same `dedup_key` joins the incident that is open, so that a repeat opens no second one. It also
joins one that somebody has acknowledged, and wakes nobody: hence a key for each turn.
"""

import json
from typing import Any

from bots.routes.calling import Environment, called, secret
from mlops_tui.alerts.routing import Message
from mlops_tui.declarations.routes import PAGERDUTY, Route

SEVERITY = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
SUMMARY = 1024  # characters


def event(message: Message, key: str) -> dict[str, Any]:
    """The request's body; acknowledge and resolve need no more than the key of what they are of."""
    made: dict[str, Any] = {"routing_key": key, "event_action": message.event, "dedup_key": message.incident[:255]}
    if message.event != "trigger":
        return made
    details = {"alert": message.alert, "costs": message.cost, "runbook": message.runbook, "told because": message.why,
               "look": f"mlops-tui alert show {message.alert}", "take up": f"mlops-tui alert ack {message.alert}"}
    details = {"test": "nothing is wrong"} if message.test else {name: text for name, text in details.items() if text}
    return {**made, "client": "mlops-tui", "payload": {
        "summary": message.subject[:SUMMARY], "source": message.project,
        "severity": SEVERITY.get(message.severity, "warning"), "timestamp": message.since,
        "component": message.about or message.project, "group": message.group or message.about,
        "class": message.check, "custom_details": details}}


def send(message: Message, route: Route, environment: Environment) -> str:
    """Tell it; what PagerDuty knows it by."""
    body = json.dumps(event(message, secret(environment, route.key_env))).encode()
    called(route.url or PAGERDUTY, body, {}, route, environment)
    return message.incident
