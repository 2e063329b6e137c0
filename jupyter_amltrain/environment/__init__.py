"""Environment → image: what a job runs in, as Azure ML v1 names it, and how it becomes something startable."""
