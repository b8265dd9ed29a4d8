"""What everybody who was there is asked about an incident, by what his answer is called."""

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {"saw": "What did you see?", "did": "What did you do?",
                                "surprised": "What surprised you?", "change": "What would you change?"}
