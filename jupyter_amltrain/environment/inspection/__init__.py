"""Facts about engines and the images on them, and what they mean for a build or a run."""
