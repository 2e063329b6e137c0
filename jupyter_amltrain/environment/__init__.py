"""From the text of an environment cell to an image: parse, render, fingerprint, build."""
