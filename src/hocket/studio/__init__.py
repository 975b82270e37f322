"""A local web page: fuse two recordings by ear, and follow runs while they train."""
