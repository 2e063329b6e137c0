"""Python packages from pip's indexes: which are asked for, and how they get onto an image."""
