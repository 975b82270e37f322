"""The objective: named terms, each with a weight, and an adversary."""

from hocket.objective.adversary import Adversary, AdversaryConfig
from hocket.objective.composite import TERMS, Losses, Objective, ObjectiveConfig

__all__ = ["TERMS", "Adversary", "AdversaryConfig", "Losses", "Objective", "ObjectiveConfig"]
