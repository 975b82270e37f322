"""The model: a creative agent in a cascade between a frozen codec's two ends."""

from hocket.model.agent import AgentConfig, CreativeAgent
from hocket.model.cascade import Cascade, CascadeConfig
from hocket.model.fusion import FusionModel, ModelConfig
from hocket.model.masks import Masks
from hocket.model.result import FusionResult, Stage
from hocket.model.weights import load_model

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
