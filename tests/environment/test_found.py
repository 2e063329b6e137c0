"""Finding an image by what it was made from."""

from __future__ import annotations

import io

import docker

from jupyter_amltrain.environment.api import EngineApi
from jupyter_amltrain.environment.inspection.found import (
    DEFINITION_LABEL,
    ENVIRONMENT_LABEL,
    FINGERPRINT_LABEL,
    find_older_image,
    image_tag,
)


def build(client: docker.DockerClient, name: str, number: int) -> tuple[str, int]:
    """An image of one definition, on a base that differs; its id, and the second in which the engine lists it."""
    digits = f"{number:02}{name.encode().hex():0<62.62}"
    labels = {ENVIRONMENT_LABEL: name, DEFINITION_LABEL: name, FINGERPRINT_LABEL: digits}
    text = "FROM scratch\n" + "".join(f'LABEL {key}="{value}"\n' for key, value in labels.items())
    image, _ = client.images.build(fileobj=io.BytesIO(text.encode()), tag=image_tag(labels), rm=True)
    (listed,) = (each for each in client.api.images(name=image_tag(labels)))
    return str(image.id), int(listed["Created"])


def test_of_images_built_within_a_second_the_last_one_is_found(client: docker.DockerClient, name: str) -> None:
    built: list[tuple[str, int]] = []
    labels = {ENVIRONMENT_LABEL: name, DEFINITION_LABEL: name}
    same_second = 0
    for number in range(40):
        built.append(build(client, name, number))
        found = find_older_image(EngineApi(client), labels)
        assert found is not None
        assert found.id == built[-1][0], f"image {number}"
        same_second += len(built) > 1 and built[-1][1] == built[-2][1]
        if same_second >= 5:
            break
    assert same_second >= 5
