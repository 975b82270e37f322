"""The objective: named terms, each with a weight, and an adversary."""

from hocket.objective.adversary import Adversary, AdversaryConfig
from hocket.objective.composite import TERM_WEIGHTS, Losses, Objective, ObjectiveConfig

__all__ = ["TERM_WEIGHTS", "Adversary", "AdversaryConfig", "Losses", "Objective", "ObjectiveConfig"]
