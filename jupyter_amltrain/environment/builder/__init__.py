"""Dockerfile and context → image: what a builder is given, and the two ways to reach one."""
