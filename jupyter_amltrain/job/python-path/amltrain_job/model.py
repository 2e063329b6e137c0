"""What ``run.register_model`` gives back inside a job."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


class Model:
    """A registered model: ``name``, ``version``, ``id``, ``tags``, ``properties`` and what was said of it."""

    def __init__(self, known: "Dict[str, Any]") -> None:
        self.name = str(known["name"])
        self.version = int(known["version"])
        self.id = "%s:%d" % (self.name, self.version)
        self.run_id = known.get("run")
        self.tags = known.get("tags") or {}
        self.properties = known.get("properties") or {}
        about = known.get("about") or {}
        self.description = about.get("description")
        self.model_framework = about.get("model_framework")
        self.model_framework_version = about.get("model_framework_version")

    def __repr__(self) -> str:
        return "Model(name=%s, id=%s, version=%d, run_id=%s)" % (self.name, self.id, self.version, self.run_id)
