"""``azureml.core.model``: registered models, under the name of the SDK."""

from amltrain_job.model import Model

__all__ = ["Model"]
