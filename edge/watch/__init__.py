"""The camera's loop: each frame to a steady answer, and each answer to where it is wanted."""
