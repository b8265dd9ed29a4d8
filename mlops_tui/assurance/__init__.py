"""What is required of a version before it may serve, one rule a file, and the tier it is of: pure, read by the gate."""
