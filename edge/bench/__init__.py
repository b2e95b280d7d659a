"""How fast it is on this machine, measured with what `classify` does, and compared with before."""
