"""What the frozen program starts: the window without arguments, the command line with a verb."""

import sys

from fgvc_studio.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
