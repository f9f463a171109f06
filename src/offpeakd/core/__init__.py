"""Decisions: pure functions of values. No I/O, no clock, no logging, no library."""
