"""What is required of a version before it may serve, one rule a file: pure functions of a case and the history."""
