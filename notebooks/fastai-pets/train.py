"""Cats and dogs with a residual network: a plain fastai script that knows nothing of where it runs."""

from fastai.vision.all import *

path = untar_data(URLs.PETS)
pictures = get_image_files(path / "images")


def is_cat(file):
    return file[0].isupper()


loaders = ImageDataLoaders.from_name_func(path, pictures, is_cat, bs=16, num_workers=0, item_tfms=Resize(64), seed=1)
learner = cnn_learner(loaders, resnet34, metrics=error_rate)
learner.fine_tune(2)

learner.path = Path()
learner.export("outputs/pets.pkl")
