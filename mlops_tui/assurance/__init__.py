"""Rules about what a model may cost people, and about the papers that say so: pure, read by the gate."""
