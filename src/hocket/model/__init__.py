"""The model: a creative agent in a cascade between a frozen codec's two ends."""

from hocket.model.agent import CreativeAgent
from hocket.model.cascade import Cascade
from hocket.model.fusion import FusionModel
from hocket.model.masks import Masks
from hocket.model.result import FusionResult, Stage
from hocket.model.weights import load_model
from hocket.settings import AgentConfig, CascadeConfig, ModelConfig

__all__ = [
    "AgentConfig",
    "Cascade",
    "CascadeConfig",
    "CreativeAgent",
    "FusionModel",
    "FusionResult",
    "Masks",
    "ModelConfig",
    "Stage",
    "load_model",
]
