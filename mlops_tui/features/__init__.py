"""Features: leak-free, stored, explained."""
