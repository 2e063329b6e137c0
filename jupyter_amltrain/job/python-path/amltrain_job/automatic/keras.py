"""Keras 3 and 2, tf.keras too: a callback joins those that ``fit`` calls, and logs epochs, and of batches the loss."""

from functools import wraps

from ..wire import current_rank
from .source import Pace, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Optional

source = Source("keras")


class Progress:
    """How far one ``fit`` has come."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.batches = 0

    @source.quietly
    def after_batch(self, logs: "Any") -> None:
        """Loss so far in the epoch, which Keras has computed anyhow."""
        self.batches += 1
        if logs and "loss" in logs and self.pace.is_due():
            source.log({"batch_loss": logs["loss"]}, self.batches - 1)

    @source.quietly
    def after_epoch(self, epoch: int, logs: "Any", model: "Any") -> None:
        """The values of an epoch, by the names that ``History`` has, and the learning rate."""
        values = dict(logs or {})
        values.setdefault("learning_rate", _learning_rate(model))
        source.log(values, epoch)


def _learning_rate(model: "Any") -> "Optional[float]":
    """The learning rate as a number; None where it is a schedule, or there is none."""
    rate: "Any" = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    try:
        return float(rate.numpy() if hasattr(rate, "numpy") else rate)
    except (TypeError, ValueError, RuntimeError):
        return None


def patch(module: "ModuleType") -> None:
    """Have the callback in every list of callbacks."""
    callbacks: "Any" = getattr(module, "CallbackList", None)
    if callbacks is None or hasattr(callbacks, "_logs_to_run") or current_rank():
        return

    callback: "Any" = module.Callback

    class RunMetricsCallback(callback):  # type: ignore[misc]
        """Logs to the run."""

        async_safe = True

        def __init__(self) -> None:
            super().__init__()
            self._of_run = Progress()

        def on_train_batch_end(self, batch: int, logs: "Any" = None) -> None:
            self._of_run.after_batch(logs)

        def on_epoch_end(self, epoch: int, logs: "Any" = None) -> None:
            self._of_run.after_epoch(epoch, logs, self.model)

    usual = callbacks.__init__

    @source.quietly
    def join(those: "Any") -> None:
        ours = RunMetricsCallback()
        ours.set_params(getattr(those, "params", None))
        ours.set_model(getattr(those, "model", None))
        those.callbacks.append(ours)
        if hasattr(those, "_should_call_train_batch_hooks"):
            those._should_call_train_batch_hooks = True  # Keras 2 looked through the list before ours was in it

    @wraps(usual)
    def with_ours(self: "Any", *arguments: "Any", **named: "Any") -> None:
        usual(self, *arguments, **named)
        join(self)

    callbacks.__init__ = with_ours
    callbacks._logs_to_run = True
