"""The studio: a local page to fuse two recordings, to hear and see what came of it, and to follow training runs."""
