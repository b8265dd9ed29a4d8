"""How a project stands: its health, its monitors, and what is told of them."""
