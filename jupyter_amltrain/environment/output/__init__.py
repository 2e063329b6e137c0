"""What builders, pulls and installers say → the log, the steps that a person watches, and why one failed."""
