"""Models that runs leave behind."""
