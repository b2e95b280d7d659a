"""The device's processor without a board: ARM programs and wheels under user-mode emulation."""
