"""Who is told of what, and when: rules without a screen, a clock or a network."""
