"""The fields of a run that takes seconds."""

SMALL = {
    "excerpt_seconds": 1.0,
    "batch_size": 2,
    "num_validation_examples": 2,
    "fft_size": 512,
    "hop": 128,
    "model_dim": 16,
    "num_heads": 2,
    "num_bands": 8,
    "num_blocks": 1,
    "num_epochs": 2,
    "steps_per_epoch": 3,
    "warmup_steps": 2,
    "num_threads": 1,
    "device": "cpu",
}
"""Fields of a run that takes seconds, with every part of it there."""
