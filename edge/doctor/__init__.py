"""What is missing or wrong on this machine, and the command that mends it."""
