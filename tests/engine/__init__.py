"""Real container engines for the tests: private Docker daemons, a private Podman service and their base images."""
