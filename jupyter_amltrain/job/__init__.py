"""The only code that runs inside a job: standard library only, Python 3.6 and later."""
