"""What a run folder has to tell, as one page with curves, pictures and sound."""
