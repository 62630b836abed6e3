"""Evaluation: an artifact measured as it is served, and what is told of it."""
