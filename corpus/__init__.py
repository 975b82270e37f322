"""Renders music with real instruments for making weights: `python -m corpus OUT --soundfont FILE`.

The scores are those of `hocket.data.synthetic`, with more figures, forms and mixes; the instruments come from a sound
font, played by FluidSynth. Not part of the package: whoever uses hocket needs neither.
"""
