"""From the house to the Pi: one archive that installs without the network, and a way over ssh."""
