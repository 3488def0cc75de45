"""`python -m replication ...`: see replication.cli."""

import sys

from replication.cli import main

sys.exit(main())
