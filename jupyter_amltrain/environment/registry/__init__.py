"""Image registries: which one is asked, with which credentials, and what goes out and comes in."""
