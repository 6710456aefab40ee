"""`python -m cil_nodes` is the `cil` command."""

import sys

from cil_nodes.cli import main

sys.exit(main())
