"""Broken and hostile recordings, made from a seed, and a judge of what `hocket.audio` does with them."""
