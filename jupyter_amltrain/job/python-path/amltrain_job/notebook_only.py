"""Names of the SDK that do their work in the notebook: a script may import them, and is told when it uses one.

Many scripts import more than they use, or use it only when they are started by hand.
"""

import sys

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

MODULES = {
    "authentication": (
        "AzureCliAuthentication",
        "InteractiveLoginAuthentication",
        "MsiAuthentication",
        "ServicePrincipalAuthentication",
    ),
    "compute": ("AmlCompute", "ComputeTarget"),
    "conda_dependencies": ("CondaDependencies",),
    "container_registry": ("ContainerRegistry",),
    "datastore": ("Datastore",),
    "environment": ("CondaDependencies", "Environment"),
    "runconfig": ("DockerConfiguration", "MpiConfiguration", "PyTorchConfiguration", "RunConfiguration"),
    "script_run": ("ScriptRun",),
}
"""Module of ``azureml.core`` → its names."""


class NotebookOnly(type):
    """Class of such names: they can be imported, stand in annotations and be compared with, and nothing more."""

    def __call__(cls, *arguments: "Any", **named: "Any") -> "Any":
        """Refuse to make one."""
        raise UserErrorException(_told(cls.__name__))

    def __getattr__(cls, name: str) -> "Any":
        raise AttributeError(_told("%s.%s" % (cls.__name__, name)))


def _told(name: str) -> str:
    return (
        "%s cannot be used inside a job of jupyter_amltrain, only in the notebook that submits it. A job sees its own"
        " run (Run.get_context()), the data it was given (run.input_datasets) and models (Model)." % name
    )


def add_modules(package: str) -> "Dict[str, Any]":
    """Make the modules, below a package of ours; returns them and their names, for the package to have."""
    made: "Dict[str, Any]" = {}
    for module_name, names in MODULES.items():
        module = type(sys)("%s.%s" % (package, module_name), __doc__)
        for name in names:
            if name not in made:
                made[name] = NotebookOnly(name, (), {"__module__": module.__name__})
            setattr(module, name, made[name])
        sys.modules[module.__name__] = made[module_name] = module
    return made
