"""What was made from what, and what was known when."""
