"""The camera as a systemd service: its unit, its arguments, and who may read what it needs."""
