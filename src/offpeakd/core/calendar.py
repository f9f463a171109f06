"""Placeholder for interface; see brief."""
