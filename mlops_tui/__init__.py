"""The control room of an ML team, in the terminal and in Slack."""

__version__ = "0.1.0"
