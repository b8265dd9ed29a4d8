"""How models are fitted, asked and compared: what several areas need of it."""
