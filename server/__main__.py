"""`python -m imagintalk_server start` is `imagintalk worker start`."""

import sys

from imagintalk.cli import main

if __name__ == "__main__":
    sys.exit(main(["worker", *sys.argv[1:]]))
