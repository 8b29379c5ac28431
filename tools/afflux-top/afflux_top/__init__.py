# SPDX-License-Identifier: MIT OR Apache-2.0
"""afflux-top: the semaphores of a process that exports its metrics, live in a terminal."""
