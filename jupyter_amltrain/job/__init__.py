"""The only code that runs inside a job. Standard library only, Python 3.6 or newer, nothing installed in the image.

The folder is copied next to the runs and mounted read-only into each job::

    launch.py              starts the script as ``python script.py`` would, with the job's surroundings set up
    first-on-path/         what Python children do first, before any sitecustomize
    python-path/           on the import path of the script and of its Python children, and nothing else of ours
        amltrain_job/      the record channel and the ``Run`` of the job
        azureml/           makes ``from azureml.core import Run`` work where the real package is not installed
"""
