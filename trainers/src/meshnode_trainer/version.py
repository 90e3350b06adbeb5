"""Version of this package, and the protocol that it speaks."""

VERSION = "0.2.0"

PROTOCOL = 1
"""Major number of the protocol; a meaning that is removed or changed raises it."""
