"""Benchmarks of the main path, side by side with the bare engine; ``make bench`` runs them all."""
