"""Problem framing and business alignment."""
