"""Conda packages: what is asked for, what that resolves to, and the folder and the image that have it."""
