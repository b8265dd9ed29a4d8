"""What models answered, what came of it, and when that was known."""
