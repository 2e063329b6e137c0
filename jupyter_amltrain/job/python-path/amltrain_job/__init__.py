"""What a script of a job can use without installing anything: the record channel and the run."""
