"""Geometric verification: which matches agree on a transform."""
