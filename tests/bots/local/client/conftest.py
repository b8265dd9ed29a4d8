"""A workspace with a bot, as the console's tests have it."""

from tests.bots.local.test_console import bot, live

__all__ = ["bot", "live"]
