"""What is personal, taken out or drowned in noise before anything is kept."""
