"""`python -m gitperch`, the same as the command `gitperch`."""

import sys

from gitperch.cli import main

sys.exit(main())
