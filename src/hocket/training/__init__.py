"""Training: data, model, objective and diagnosis, driven step by step."""
