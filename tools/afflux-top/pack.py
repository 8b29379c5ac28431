# SPDX-License-Identifier: MIT OR Apache-2.0
"""Packs a Python package into one executable file, the same from the same sources.

usage: pack.py OUTPUT INTERPRETER FILE...

zipapp does so too, but takes whatever lies in a folder, and the time with it.
"""

import sys
import zipfile
from pathlib import Path

output, interpreter, *sources = sys.argv[1:]
with open(output, "wb") as file:
    file.write(f"#!{interpreter}\n".encode())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in map(Path, sources):
            # __main__ of the archive is the package's.
            name = source.name if source.name == "__main__.py" else f"afflux_top/{source.name}"
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())
Path(output).chmod(0o755)
