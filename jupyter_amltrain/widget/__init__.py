"""The face shown in an output cell while a run is going on."""
