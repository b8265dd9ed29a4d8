"""Models watched in production."""
