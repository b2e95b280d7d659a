"""Classifiers from elsewhere: what a bare .tflite says of itself, and how it becomes a bundle."""
