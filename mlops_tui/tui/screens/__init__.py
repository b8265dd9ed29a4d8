"""What fills the terminal: home, an answer, a question."""
