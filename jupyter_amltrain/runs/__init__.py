"""From a running job to its log, metrics and status: supervisor, store, stream, follow."""
