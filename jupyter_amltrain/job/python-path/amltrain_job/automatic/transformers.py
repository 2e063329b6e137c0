"""Hugging Face ``Trainer``: a callback among its default ones logs whatever the trainer reports."""

from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

source = Source("transformers")


@source.quietly
def report(state: "Any", logs: "Any") -> None:
    """The values of one report; ``epoch`` is in every one of them and says only where it is."""
    if logs and state.is_world_process_zero:
        source.log({name: value for name, value in logs.items() if name != "epoch"}, state.global_step)


def patch(module: "ModuleType") -> None:
    """Add the callback to the defaults."""
    callback: "Any" = module.TrainerCallback

    class RunMetricsCallback(callback):  # type: ignore[misc]
        """Logs to the run."""

        def on_log(self, args: "Any", state: "Any", control: "Any", logs: "Any" = None, **more: "Any") -> None:
            report(state, logs)

    module.DEFAULT_CALLBACKS.append(RunMetricsCallback)
