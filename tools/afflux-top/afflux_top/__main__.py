# SPDX-License-Identifier: MIT OR Apache-2.0
import sys

from afflux_top.command import main

sys.exit(main())
