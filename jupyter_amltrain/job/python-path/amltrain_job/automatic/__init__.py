"""Metrics that nobody wrote a line for: training frameworks tell them through hooks of their own.

Each framework has a module here, whose ``patch`` is called when the framework is imported. It adds a callback to those
that the framework calls anyhow. Nothing is logged with ``AMLTRAIN_AUTOLOG=0``.
"""

import os

PATCHES = {
    "fastai.learner": "fastai",
    "fastai2.learner": "fastai",
    "lightning.pytorch.trainer.connectors.callback_connector": "lightning",
    "pytorch_lightning.trainer.connectors.callback_connector": "lightning",
    "lightning.pytorch.trainer.connectors.logger_connector.logger_connector": "lightning",
    "pytorch_lightning.trainer.connectors.logger_connector.logger_connector": "lightning",
    "keras.src.callbacks.callback_list": "keras",
    "keras.src.callbacks": "keras",
    "keras.callbacks": "keras",
    "tf_keras.src.callbacks": "keras",
    "tensorflow.python.keras.callbacks": "keras",
    "transformers.trainer": "transformers",
}
"""Module of a framework → module here."""


def log_automatically() -> None:
    """Have the frameworks' metrics logged from now on, in this process."""
    if os.environ.get("AMLTRAIN_AUTOLOG", "1") == "0" or not os.environ.get("AMLTRAIN_RUN_ID"):
        return
    from ..after_import import patch_after_import

    patch_after_import({name: "%s.%s" % (__name__, module) for name, module in PATCHES.items()})
