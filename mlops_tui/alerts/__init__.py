"""Who is told of what, when, and how often: pure rules over the history."""
