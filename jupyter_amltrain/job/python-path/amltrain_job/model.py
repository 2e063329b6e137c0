"""Registered models as the script of a job sees them: what it registers, and what others did."""

import os

from .errors import ModelNotFoundException, UserErrorException
from .files import work_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

MODELS = "models"


class Model:
    """A registered model: ``name``, ``version``, ``id``, ``tags``, ``properties`` and what was said of it."""

    class Framework:
        """Words for ``model_framework``; any other text will do, too."""

        CUSTOM = "Custom"
        MULTI = "Multi"
        ONNX = "Onnx"
        PYTORCH = "PyTorch"
        SCIKITLEARN = "ScikitLearn"
        TENSORFLOW = "TensorFlow"

    def __init__(
        self,
        workspace: "Any" = None,
        name: "Optional[str]" = None,
        id: "Optional[str]" = None,
        tags: "Any" = None,
        properties: "Any" = None,
        version: "Any" = None,
        **kwargs: "Any",
    ) -> None:
        if id:
            name, _, version = str(id).partition(":")
        found = _ask("models", name=name, version=int(version) if version else None)
        found = [known for known in found if _has(known["tags"], tags) and _has(known["properties"], properties)]
        if not found:
            raise ModelNotFoundException(
                "There is no model '%s'%s in the workspace of this run."
                % (name, ", version %s" % version if version else "")
            )
        self._take(found[0])

    @classmethod
    def _of(cls, known: "Dict[str, Any]") -> "Model":
        model = cls.__new__(cls)
        model._take(known)
        return model

    def _take(self, known: "Dict[str, Any]") -> None:
        self.name = str(known["name"])
        self.version = int(known["version"])
        self.id = "%s:%d" % (self.name, self.version)
        self.run_id = known.get("run") or None
        self.tags = known.get("tags") or {}
        self.properties = known.get("properties") or {}
        about = known.get("about") or {}
        self.description = about.get("description")
        self.model_framework = about.get("model_framework")
        self.model_framework_version = about.get("model_framework_version")

    @staticmethod
    def list(
        workspace: "Any" = None, name: "Optional[str]" = None, tags: "Any" = None, latest: bool = False, **kwargs: "Any"
    ) -> "List[Model]":
        """The models of the workspace, newest first.

        Args:
            tags: names, or ``[name, value]`` of tags that they must have.
            latest: only the newest version of each name.
        """
        found = [Model._of(known) for known in _ask("models", name=name) if _has(known["tags"], tags)]
        if latest:
            newest: "Dict[str, int]" = {}
            for model in found:
                newest[model.name] = max(model.version, newest.get(model.name, 0))
            found = [model for model in found if newest[model.name] == model.version]
        return found

    @staticmethod
    def get_model_path(model_name: str, version: "Any" = None, _workspace: "Any" = None) -> str:
        """The path of a model's file or folder: below ``AZUREML_MODEL_DIR``, or a copy that the run gets now.

        Raises:
            ModelNotFoundException: there is none.
        """
        below = os.environ.get("AZUREML_MODEL_DIR")
        found = find_below(below, model_name, version) if below else None
        return found or Model(None, model_name, version=version)._fetched()

    @staticmethod
    def register(
        workspace: "Any", model_path: str, model_name: str, tags: "Any" = None, properties: "Any" = None, **about: "Any"
    ) -> "Model":
        """Register a file or folder that the script has made, with a copy of it.

        Raises:
            UserErrorException: there is no such file.
        """
        from .run import Run

        run: "Any" = Run.get_context()
        path = str(model_path).rstrip("/")
        if not os.path.exists(path):
            raise UserErrorException("There is no file or folder %s to register as a model." % os.path.abspath(path))
        name = "registered/%s-%s/%s" % (model_name, os.urandom(4).hex(), os.path.basename(os.path.abspath(path)))
        (run.upload_folder if os.path.isdir(path) else run.upload_file)(name, path)
        registered: "Model" = run.register_model(model_name, name, tags=tags, properties=properties, **about)
        return registered

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: "Optional[bool]" = None) -> str:
        """Copy it to a folder; returns the path of the copy."""
        import shutil

        source = self._fetched()
        target = os.path.join(target_dir, os.path.basename(source))
        if os.path.lexists(target):
            if not (exist_ok or exists_ok):
                raise UserErrorException("%s exists already. Pass exist_ok=True to replace it." % target)
            (shutil.rmtree if os.path.isdir(target) else os.unlink)(target)
        os.makedirs(target_dir, exist_ok=True)
        (shutil.copytree if os.path.isdir(source) else shutil.copyfile)(source, target)
        return target

    def _fetched(self) -> str:
        """The path of the run's own copy, which it gets when it first asks."""
        folder = os.path.join(work_folder(), MODELS, self.name, str(self.version))
        if not os.path.isdir(folder):
            made = os.path.join(work_folder(), _ask("fetch_model", name=self.name, version=self.version)["folder"])
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            try:
                os.rename(made, folder)
            except OSError:
                if not os.path.isdir(folder):  # else another process of the job was faster
                    raise
        return os.path.join(folder, sorted(os.listdir(folder))[0])

    def __repr__(self) -> str:
        return "Model(name=%s, id=%s, version=%d, run_id=%s)" % (self.name, self.id, self.version, self.run_id)


def find_below(folder: str, name: str, version: "Any" = None) -> "Optional[str]":
    """A model below a folder that has them as ``NAME/VERSION/file``, the newest version by default."""
    versions = os.path.join(folder, name)
    if not os.path.isdir(versions):
        return None
    numbers = sorted((entry for entry in os.listdir(versions) if entry.isdigit()), key=int)
    wanted = str(version) if version else (numbers or [""])[-1]
    inside = os.path.join(versions, wanted)
    if wanted not in numbers or not os.path.isdir(inside):
        return None
    files = sorted(os.listdir(inside))
    return os.path.join(inside, files[0]) if len(files) == 1 else inside


def _ask(what: str, **more: "Any") -> "Any":
    from .asking import ask

    if not os.environ.get("AMLTRAIN_RUN_ID"):
        raise UserErrorException("Models are found inside a run only: this script was started by hand.")
    return ask(work_folder(), what, run="", **more)


def _has(there: "Dict[str, Any]", wanted: "Any") -> bool:
    if isinstance(wanted, dict):
        wanted = [list(item) for item in wanted.items()]
    for item in [wanted] if isinstance(wanted, str) else wanted or []:
        if isinstance(item, str):
            if item not in there:
                return False
        elif there.get(item[0]) != str(item[1]):
            return False
    return True
