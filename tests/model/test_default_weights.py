"""The weights that come along: whole, small, and true about where they come from."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import torch

from hocket.model import load_model
from hocket.model.weights import PREFIX, default_weights, load_checkpoint
from hocket.runs import current_names

ROOT = Path(__file__).parents[2]


def provenance() -> dict:
    return json.loads(default_weights().with_suffix(".json").read_text())


def test_they_are_small_and_nothing_but_weights() -> None:
    path = default_weights()
    assert path.stat().st_size <= 10_000_000
    tensors, metadata = load_checkpoint(path)
    assert all(
        name.startswith(PREFIX) and bool(torch.isfinite(tensor).all()) for name, tensor in tensors.items()
    )
    # No place on the machine that trained them.
    assert "validation_songs" not in metadata and "/home" not in json.dumps(metadata)


def test_their_provenance_is_that_of_this_very_file() -> None:
    found = provenance()
    assert found["weights"]["sha256"] == hashlib.sha256(default_weights().read_bytes()).hexdigest()
    assert found["licence"] == "Apache-2.0"
    assert {"settings", "what"} <= found["data"].keys()
    assert {"model", "config", "versions", "library"} <= found.keys()


def test_they_are_of_the_preset_that_is_default_today() -> None:
    """Whoever changes the preset has to train the weights again, or say that they are older."""
    preset = tomllib.loads((ROOT / "src" / "hocket" / "presets" / "default.toml").read_text())
    config = current_names(provenance()["config"])
    for group in preset.values():
        for name, value in group.items():
            assert config[name] == value, name


def test_the_command_that_makes_them_says_what_they_say() -> None:
    script = (ROOT / "scripts" / "train_default_weights.sh").read_text()
    # What is taken where the environment says nothing.
    script = re.sub(r'"\$\{\w+:-(\w+)\}"', r"\1", script)
    settings, config = provenance()["data"]["settings"], provenance()["config"]
    for flag, value in (
        ("--num-songs", settings["num_songs"]),
        ("--seed", settings["seed"]),
        ("--num-epochs", config["num_epochs"]),
        ("--steps-per-epoch", config["steps_per_epoch"]),
    ):
        assert f"{flag} {value}" in script, flag


def test_the_model_card_names_what_a_user_must_know() -> None:
    card = default_weights().with_name("README.md").read_text()
    for word in ("Data and licence", "Apache-2.0", "Metrics", "Limits", "make weights"):
        assert word in card


def test_they_load_as_the_default_model() -> None:
    model, metadata = load_model()
    assert metadata["model"]["codec"]["fft_size"] == model.config.codec.fft_size
    assert sum(parameter.numel() for parameter in model.parameters()) > 1_000_000
