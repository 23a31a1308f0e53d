"""The command line: ``python -m otlib study | plan | notebook | data | align | align-text``."""

import sys

from otlib.study.run import main

sys.exit(main())
