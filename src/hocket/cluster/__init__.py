"""Batch scripts for SLURM: their text, and the words that SLURM has for time."""
