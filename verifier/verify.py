#!/usr/bin/env python3
"""The verifier straight from a checkout, without installing it: python3 verifier/verify.py EXPORT."""

import sys
from pathlib import Path

if sys.version_info < (3, 10):
    sys.exit("this needs Python 3.10 or newer, not %d.%d" % sys.version_info[:2])
sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from meshnode_verifier.command_line import main  # noqa: E402

if __name__ == "__main__":
    main()
