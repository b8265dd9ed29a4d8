"""Who may do what, why, and until when: through every door, and with every rule that there is."""
