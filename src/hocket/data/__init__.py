"""Sources of (input, target) pairs: folders, prepared data, rendered songs."""
