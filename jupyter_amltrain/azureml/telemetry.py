"""``azureml.telemetry``, which the notebooks of 2020 switch on in their second cell: here nothing is ever sent."""

from __future__ import annotations


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: object = None, **kwargs: object) -> None:
    """Does nothing: there is no telemetry to switch on or off."""
