"""A Slack of your own on loopback: for tests, and for trying everything with no workspace, token or network."""
