"""PyTorch Lightning: what the model logs, and of batches the loss, by a callback of every ``Trainer``.

What the model logs is taken where Lightning gives it to loggers, already computed. Asking the trainer for it, as
callbacks may, would compute it over all processes, which wait for each other then: not for somebody who only looks on.
"""

import sys
from functools import wraps

from .source import Pace, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

source = Source("lightning")

_EXTERNAL = ("_load_external_callbacks", "_configure_external_callbacks")  # of Lightning 2, and of 1.7 to 1.9


@source.quietly
def report_batch(pace: Pace, trainer: "Any", outputs: "Any") -> None:
    """Loss and learning rate; only now and then, since the loss has to come from the device."""
    if not trainer.is_global_zero or not pace.is_due():
        return
    values = {"loss": outputs.get("loss") if isinstance(outputs, dict) else outputs}
    for optimizer in trainer.optimizers[:1]:
        values["lr"] = optimizer.param_groups[0]["lr"]
    source.log(values, trainer.global_step - 1)


@source.quietly
def report_values(trainer: "Any", metrics: "Any", step: "Any" = None) -> None:
    """What the model logged, as it goes to loggers."""
    if metrics and trainer.is_global_zero and not trainer.sanity_checking:
        values = {name: value for name, value in metrics.items() if name not in ("epoch", "step")}
        source.log(values, metrics.get("step", trainer.global_step) if step is None else step)


def patch(module: "ModuleType") -> None:
    """Change one of the modules that a ``Trainer`` is made of."""
    for name in _EXTERNAL:
        if hasattr(module, name):
            _add_callback(module, name)
    connector = getattr(module, "_LoggerConnector", None) or getattr(module, "LoggerConnector", None)
    if connector is not None:
        _look_on(connector)


def _add_callback(module: "Any", name: str) -> None:
    """Have a callback beside those that other packages bring through entry points."""
    of_callbacks: "Any" = sys.modules[module.__name__.partition(".trainer.")[0] + ".callbacks"]

    class RunMetricsCallback(of_callbacks.Callback):  # type: ignore[misc]
        """Logs to the run."""

        def __init__(self) -> None:
            self._pace = Pace()

        def on_train_batch_end(
            self, trainer: "Any", pl_module: "Any", outputs: "Any", *batch: "Any", **more: "Any"
        ) -> None:
            report_batch(self._pace, trainer, outputs)

    usual = getattr(module, name)

    @wraps(usual)
    def with_ours(*arguments: "Any", **named: "Any") -> "Any":
        return [*usual(*arguments, **named), RunMetricsCallback()]

    setattr(module, name, with_ours)


def _look_on(connector: "Any") -> None:
    usual = connector.log_metrics

    @wraps(usual)
    def and_log(self: "Any", metrics: "Any", *arguments: "Any", **named: "Any") -> "Any":
        report_values(self.trainer, metrics, *arguments, **named)
        return usual(self, metrics, *arguments, **named)

    connector.log_metrics = and_log
