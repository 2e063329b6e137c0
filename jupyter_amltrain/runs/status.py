"""The states a run goes through: Azure ML's names (azureml-v1.md section 9.1) and which groups they form."""

from __future__ import annotations

NOT_STARTED = "NotStarted"
QUEUED = "Queued"
PREPARING = "Preparing"
PROVISIONING = "Provisioning"
STARTING = "Starting"
RUNNING = "Running"
CANCEL_REQUESTED = "CancelRequested"
CANCELED = "Canceled"
FINALIZING = "Finalizing"
COMPLETED = "Completed"
FAILED = "Failed"

ALL = (
    NOT_STARTED,
    QUEUED,
    PREPARING,
    PROVISIONING,
    STARTING,
    RUNNING,
    CANCEL_REQUESTED,
    CANCELED,
    FINALIZING,
    COMPLETED,
    FAILED,
)

TERMINAL = (COMPLETED, FAILED, CANCELED)
"""A run in one of these never changes again."""

ACTIVE = (PREPARING, PROVISIONING, STARTING, RUNNING, CANCEL_REQUESTED, FINALIZING)
"""A run in one of these holds slots of its target and has, or gets back, a supervisor."""

WAITING = (NOT_STARTED, QUEUED)
"""A run in one of these has no process at all."""
