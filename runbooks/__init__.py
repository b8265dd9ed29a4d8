"""Runbooks shipped with the product; nothing here is code."""
