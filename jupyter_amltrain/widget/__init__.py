"""The live view of runs in a notebook: the kernel's side. Imported when a run is first shown."""
