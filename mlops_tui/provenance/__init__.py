"""Where everything comes from and what followed from it: one graph over the whole history, and what is told of it."""
