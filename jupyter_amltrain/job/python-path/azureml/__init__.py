"""``from azureml.core import Run`` inside a job: the real package where it is installed, else what stands here.

Other folders named ``azureml`` on the import path come first, so that a real azureml-core, or any of the packages
that share the name, keeps every module it has. One thing changes even then: ``Run.get_context()`` returns the run of
this job.
"""

import os
import sys

_folders = [os.path.join(entry, "azureml") for entry in sys.path]
__path__[:0] = [folder for folder in _folders if folder not in __path__ and os.path.isdir(folder)]

if any(os.path.isfile(os.path.join(folder, "core", "run.py")) for folder in __path__[:-1]):
    from amltrain_job.after_import import patch_after_import

    patch_after_import({"azureml.core.run": "amltrain_job.installed"})
