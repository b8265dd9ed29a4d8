"""The rule of four fifths, a file of its own: who only needs the number does not wait for the arithmetic."""

FOUR_FIFTHS = 0.8  # Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 (D)
