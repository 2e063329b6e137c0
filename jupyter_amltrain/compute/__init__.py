"""What runs can be sent to: compute targets, their sizes and their slots."""
