"""Errors that the user can fix: each message is one sentence that names the problem and the cure."""


class HocketError(Exception):
    """Something about the user's files or settings is wrong; the command line prints it and exits with 2."""


class AudioError(HocketError):
    """A recording is missing, unreadable, empty, silent, too short or not finite."""


class DataError(HocketError):
    """A music folder or a pairs file cannot be used."""


class ConfigError(HocketError):
    """A setting has an unknown name or a value out of its range."""


class CheckpointError(HocketError):
    """A checkpoint or run folder is missing, damaged, or does not fit."""


class ToldElsewhereError(HocketError):
    """Another process of the same run met the error and has told the user; this one ends without a word."""
