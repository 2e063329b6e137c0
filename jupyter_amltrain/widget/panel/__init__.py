"""``TrainingPanel``: choose, submit and watch without writing a line."""

from __future__ import annotations

from .panel import TrainingPanel

__all__ = ["TrainingPanel"]
