"""The page that shows a camera's answers, in a process of its own."""
