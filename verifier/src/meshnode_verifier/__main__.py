"""`python3 -m meshnode_verifier EXPORT`."""

from .command_line import main

main()
