"""Runs as text and HTML that need no kernel, no script and no style sheet of ours."""
