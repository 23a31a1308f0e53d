"""The command line: ``python -m otlib study | plan | notebook | data | align | align-text``."""

import sys

try:
    from otlib.study.run import main  # takes seconds, in which one may press Ctrl-C as well

    status = main()
except KeyboardInterrupt:
    print("Stopped; the same command goes on.", file=sys.stderr)
    status = 130  # 128 and the number of SIGINT, as in shells
sys.exit(status)
