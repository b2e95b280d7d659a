"""What is measured: each file stands alone and runs in an environment of its own."""
