"""Alerts worked through to lessons."""
