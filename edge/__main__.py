"""`python -m edge`: the command line where the console script is not on the path."""

from edge.cli import main

main()
