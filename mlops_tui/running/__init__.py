"""Programs that run: their order, their time, their cost, and their end."""
