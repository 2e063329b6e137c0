"""fastai: a callback among its default ones logs loss and learning rate of batches, and what an epoch's line shows."""

from ..wire import current_rank
from .source import Pace, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Dict

source = Source("fastai")


class Progress:
    """How far a learner has come, over all its fits."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.batches = 0
        self.epochs = 0

    def after_batch(self, learner: "Any") -> None:
        """Loss, smoothed as fastai shows it and already on the CPU, and learning rate."""
        if not learner.training:
            return
        self.batches += 1
        recorder = _recorder(learner)
        if recorder is not None and recorder.losses and self.pace.is_due():
            source.log({"loss": recorder.losses[-1], "lr": recorder.lrs[-1]}, self.batches - 1)

    def after_epoch(self, learner: "Any") -> None:
        """The values of an epoch, by the names of fastai's table."""
        recorder = _recorder(learner)
        if recorder is None:
            return
        names = list(recorder.metric_names)[1:]
        if names and names[-1] == "time":
            names.pop()
        values = list(getattr(learner, "final_record", ()))
        if len(names) == len(values):  # not so of ``validate``, nor of an epoch that was broken off
            source.log(dict(zip(names, values)), self.epochs)
            self.epochs += 1


def _recorder(learner: "Any") -> "Any":
    """Who writes down the learner's values; None while it only looks for a learning rate."""
    # A learner looks into its whole network for an attribute that it does not have itself.
    own = vars(learner)
    return None if "lr_finder" in own else own.get("recorder")


def patch(module: "ModuleType") -> None:
    """Add the callback to the defaults, and keep it out of exported learners, which are loaded without us."""
    if current_rank():
        return
    callback: "Any" = module.Callback
    events = {name: source.quietly(getattr(Progress, name)) for name in ("after_batch", "after_epoch")}

    class RunMetricsCallback(callback):  # type: ignore[misc]
        """Logs to the run."""

        order = 55  # after the Recorder, before the progress bar
        run_after = getattr(module, "Recorder", None)

        def __init__(self) -> None:
            super().__init__()
            self._of_run = Progress()

        def __call__(self, event_name: str) -> None:
            event = events.get(event_name)
            if event is not None:
                event(self._of_run, self.learn)

        def __reduce__(self) -> "Any":
            return callback, ()

    learner: "Any" = module.Learner
    usual = getattr(learner, "__getstate__", None)

    def state_without_ours(self: "Any") -> "Dict[str, Any]":
        state = dict(usual(self) if usual is not None else vars(self))
        if any(type(one) is RunMetricsCallback for one in state.get("cbs", ())):
            state["cbs"] = type(state["cbs"])(one for one in state["cbs"] if type(one) is not RunMetricsCallback)
        return {name: value for name, value in state.items() if type(value) is not RunMetricsCallback}

    learner.__getstate__ = state_without_ours
    module.defaults.callbacks.append(RunMetricsCallback)
