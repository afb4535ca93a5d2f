"""`python -m imagintalk` is `imagintalk`."""

import sys

from imagintalk.cli import main

if __name__ == "__main__":
    sys.exit(main())
