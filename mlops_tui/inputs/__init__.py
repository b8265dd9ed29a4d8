"""What people hand in: rows and times."""
