"""The models that were installed on this device: staged, verified, switched to, rolled back."""
