"""``azureml.core.script_run_config``: what a script submits below its run, under the name of the SDK."""

from amltrain_job.submitted_child import ScriptRunConfig

__all__ = ["ScriptRunConfig"]
