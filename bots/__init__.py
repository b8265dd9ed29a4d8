"""The Slack bot: the same commands as the terminal, where the team talks."""
