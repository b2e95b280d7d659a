"""Fuzzing of what reads strange bytes: the decoder of pictures and the reader of bundles."""
