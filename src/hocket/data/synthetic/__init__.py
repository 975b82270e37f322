"""The rendered corpus: simple music, deterministic by seed, whose true fusions are known.

Rhythms, chord progressions, timbres, tempi and keys are drawn independently, so that any song's rhythm can be
played with any other's harmony: that is the true fusion, which no recording can offer.
"""
