"""The objective: named terms, each with a weight, and an adversary."""

from hocket.objective.adversary import Adversary
from hocket.objective.composite import TERMS, Losses, Objective
from hocket.settings import AdversaryConfig, ObjectiveConfig

__all__ = ["TERMS", "Adversary", "AdversaryConfig", "Losses", "Objective", "ObjectiveConfig"]
