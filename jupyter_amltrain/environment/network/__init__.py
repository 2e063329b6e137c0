"""How this host reaches the network: what builds and jobs behind a company proxy need to know of it."""
