"""The run of a script that was started by hand: it prints what it is told, in the SDK's words."""

from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class _OfflineRun(Run):
    """A run that keeps nothing."""

    def __init__(self, run_id: str = "") -> None:
        from uuid import uuid4  # pays for itself only here

        super().__init__(run_id or "OfflineRun_%s" % uuid4(), "")

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Run.%s needs a run, and this script was not started by one: submit it, or ask "
            "run.id.startswith('OfflineRun') first." % name
        )

    def _emit(self, shape: str, name: str, value: "Any") -> None:
        print("Attempted to log %s metric %s:\n%s" % (shape, name, value))

    def log(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Print the value."""
        self._emit("scalar", name, value)

    def log_list(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Print the list."""
        self._emit("list", name, value)

    def log_row(self, name: str, description: "Optional[str]" = None, **kwargs: "Any") -> None:
        """Print the row."""
        self._emit("row", name, kwargs)

    def log_table(self, name: str, value: "Dict[str, Any]", description: str = "") -> None:
        """Print the table."""
        self._emit("table", name, value)

    def log_image(self, name: str, path: "Optional[str]" = None, plot: "Any" = None, description: str = "") -> None:
        """Print which image it is."""
        self._emit("image", name, plot or path)

    def log_confusion_matrix(self, name: str, value: "Any", description: str = "") -> None:
        """Print the matrix."""
        self._emit("confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value: "Any", description: str = "") -> None:
        """Print the table."""
        self._emit("accuracy_table", name, value)

    def log_residuals(self, name: str, value: "Any", description: str = "") -> None:
        """Print the residuals."""
        self._emit("residual", name, value)

    def log_predictions(self, name: str, value: "Any", description: str = "") -> None:
        """Print the predictions."""
        self._emit("predictions", name, value)

    def tag(self, name: str, value: "Any" = None) -> None:
        """Print the tag."""
        print("Attempted to add tag %s with value %s" % (name, value))

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        """Print the tags."""
        print("Attempted to set tags %s" % (tags,))

    def add_properties(self, properties: "Dict[str, Any]") -> None:
        """Print the properties."""
        print("Attempted to add properties %s" % (properties,))

    def upload_file(self, name: str, path_or_stream: "Any", datastore_name: "Optional[str]" = None) -> None:
        """Print which file it is."""
        print("Attempted to track file %s at %s" % (name, path_or_stream))

    def upload_files(
        self,
        names: "List[str]",
        paths: "List[str]",
        return_artifacts: bool = False,
        timeout_seconds: "Optional[int]" = None,
        datastore_name: "Optional[str]" = None,
    ) -> None:
        """Print which files they are."""
        print("Attempted to track files %s at %s with timeout %ss" % (names, paths, timeout_seconds))

    def upload_folder(self, name: str, path: str, datastore_name: "Optional[str]" = None) -> None:
        """Print which folder it is."""
        print("Attempted to track folder %s at %s" % (name, path))

    def register_model(self, model_name: str, model_path: "Optional[str]" = None, **kwargs: "Any") -> None:
        """Print which model it is."""
        print("Attempted to register model %s from %s" % (model_name, model_path or model_name))

    def child_run(
        self, name: "Optional[str]" = None, run_id: "Optional[str]" = None, outputs: "Optional[str]" = None
    ) -> "Run":
        """Another run that prints."""
        from uuid import uuid4

        return _OfflineRun(run_id or "%s.%s" % (self.id, name or uuid4()))

    def fail(self, error_details: "Any" = None, error_code: "Any" = None, _set_status: bool = True) -> None:
        """Print the error."""
        print("Run failed with error code %s:\n%s" % (error_code, error_details))

    def complete(self, _set_status: bool = True) -> None:
        """Nothing: there is nothing to complete."""

    def cancel(self) -> None:
        """Nothing: there is nothing to cancel."""

    def flush(self, timeout_seconds: float = 300) -> None:
        """Print that it was asked for."""
        print("Attempted to flush run with id %s" % self.id)

    def __enter__(self) -> "Run":
        print("[START] Run %s context" % self.id)
        return self

    def __exit__(self, *exception: "Any") -> None:
        print("[STOP] Run %s context" % self.id)
