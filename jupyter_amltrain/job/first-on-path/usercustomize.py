"""Imported by the interpreter before anything else (``amltrain_start``)."""

from amltrain_start import join

join(__name__)
