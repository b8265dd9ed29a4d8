"""Views drawn for each medium."""
