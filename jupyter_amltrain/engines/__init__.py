"""Engines turn a job into running processes; each is one file behind the same protocol."""
