"""A blind listening test: the page that asks people, and the figures of their answers."""

QUESTIONS = {
    "rhythm": "It has the rhythm of the rhythm source",
    "harmony": "It has the harmony of the harmony source",
    "keep": "I would keep it",
}
"""Statements that listeners agree with from 0 to 100, by the names that answers and results use."""
