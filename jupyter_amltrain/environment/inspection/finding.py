"""Finds what an environment leads to on an engine as it is now: nothing is pulled, built or named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...engines.protocol import EnvironmentSpec, OnlyAsking
from ..api import EngineApi
from ..maker import ImageMaker
from ..registry.pull import BaseImage
from .found import DEFINITION_LABEL, FINGERPRINT_LABEL, Found, image_tag


class NotThere(Exception):
    """A base or an image that would have to be pulled or built."""


class ImageFinder(ImageMaker):
    """Makes nothing, and remembers what it found.

    Args:
        images: what the engine knows of our images, by fingerprint and by definition.

    Attributes:
        bases: reference → id of the base images that are there.
        found: ids of the images of ours that the environment leads to.
    """

    def __init__(
        self,
        api: EngineApi,
        spec: EnvironmentSpec,
        context_files: Callable[[str], list[str]],
        images: Mapping[str, Mapping[str, Any]],
    ) -> None:
        super().__init__(api, spec, OnlyAsking(), context_files)
        self._images = images
        self.bases: dict[str, str] = {}
        self.found: list[str] = []

    def present(self, base: BaseImage) -> Found:
        """A base image that is there."""
        info = base.local()
        if info is None:
            raise NotThere
        self.bases[base.reference] = str(info["Id"])
        return Found(base.reference, info)

    def once(self, labels: Mapping[str, str], bases: Sequence[Found], make: Callable[[], Found]) -> Found:
        """An image that is there, on the bases as they are now or as they were."""
        for label in (FINGERPRINT_LABEL, DEFINITION_LABEL):
            info = self._images.get(labels[label])
            if info is not None:
                self.found.append(str(info["Id"]))
                return Found(image_tag(labels), info, origin=labels[DEFINITION_LABEL])
        raise NotThere
