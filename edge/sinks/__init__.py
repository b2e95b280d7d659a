"""Where answers go besides stdout: each in a thread of its own, none of which holds up a camera."""
