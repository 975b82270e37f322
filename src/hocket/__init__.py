"""Hocket: the rhythm of one recording, the harmony of another, one new piece of music."""

__version__ = "0.1.0"
