"""Cameras, streams and films that are watched, each in a process that can be killed."""
