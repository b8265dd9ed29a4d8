"""The product itself: set up, look around, audit."""
