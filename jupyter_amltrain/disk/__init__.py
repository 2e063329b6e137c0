"""What environments and runs take on the disk, and deleting some of it when that is asked for."""
