"""The way of a bundle's bytes to an interpreter: what they have to be, and how they are tried."""
