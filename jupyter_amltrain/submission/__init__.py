"""From what the user asked for to a job plan: configuration, snapshot, plan."""
