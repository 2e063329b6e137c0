"""Fits a line to points by gradient descent; the standard library is enough, so that it runs in any image."""

import argparse
import csv
import json
import os
import random

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--rate", type=float, default=1.0)
args = parser.parse_args()

if os.path.exists("/data/points.csv"):
    with open("/data/points.csv") as file:
        points = [(float(x), float(y)) for x, y in csv.reader(file)]
    print(f"{len(points)} points from the image")
else:
    random.seed(0)
    points = [(i / 99, 3 * i / 99 + 1 + random.gauss(0, 0.05)) for i in range(-99, 100)]
    print(f"{len(points)} points made up")

run = Run.get_context()
slope = intercept = 0.0
for epoch in range(args.epochs):
    misses = [(x, slope * x + intercept - y) for x, y in points]
    slope -= args.rate * sum(miss * x for x, miss in misses) / len(points)
    intercept -= args.rate * sum(miss for _, miss in misses) / len(points)
    loss = sum(miss * miss for _, miss in misses) / len(points)
    run.log("loss", loss)
    print(f"epoch {epoch}: loss {loss:.4f}")

with open("outputs/model.json", "w") as file:
    json.dump({"slope": slope, "intercept": intercept}, file)
print(f"y = {slope:.2f} x + {intercept:.2f}")
