"""Rules about incidents that several areas need: who was there, what is still promised, what is replayed."""
