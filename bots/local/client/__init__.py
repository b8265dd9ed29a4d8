"""The local Slack as a person sees it, in a terminal."""
