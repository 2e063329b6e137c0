"""Stands in for the Oxford pets and for pretrained weights: small pictures and a small start, and no download.

Cats (names in upper case) are round and dogs are square, so that there is something to learn.
"""

import os
import random
from pathlib import Path

import torch
import torchvision
from PIL import Image, ImageDraw

PICTURES = 96  # fastai trains in batches of 64 unless told otherwise

chance = random.Random(0)
images = Path(os.environ["FASTAI_HOME"], "data", "oxford-iiit-pet", "images")
images.mkdir(parents=True)
for number in range(PICTURES):
    is_cat = number % 2 == 0
    picture = Image.new("RGB", (64, 64), tuple(chance.randrange(128) for _ in range(3)))
    left, top = chance.randrange(24), chance.randrange(24)
    draw = ImageDraw.Draw(picture)
    shape = draw.ellipse if is_cat else draw.rectangle
    shape((left, top, left + 36, top + 36), fill=tuple(chance.randrange(128, 256) for _ in range(3)))
    picture.save(images / f"{'Cat' if is_cat else 'dog'}_{number}.jpg")

torch.manual_seed(0)
weights = Path(os.environ["TORCH_HOME"], "hub", "checkpoints")
weights.mkdir(parents=True)
torch.save(torchvision.models.resnet34().state_dict(), weights / "resnet34-b627a593.pth")
