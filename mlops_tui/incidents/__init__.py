"""Rules about incidents that several areas need: who was there, what was noted, what is promised, what is replayed."""
