"""The version of Hocket, and nothing else: every part may name it."""

__version__ = "0.1.0"
