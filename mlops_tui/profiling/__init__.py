"""What is known of columns over windows of time, and two sides compared by it."""
