# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write the fields of the library's structs of statistics as a C header: a new counter of the
library is one of Python's when the extension is built.

    python fields.py include/afflux/{stats,client,control,tenant}.h > fields.h

For afflux_sem_stats it writes `#define AFFLUX_SEM_STATS(F) F(field, kind, count, "its comment") …`,
and likewise for each struct of STRUCTS.
"""

import re
import sys

STRUCTS = (
    "afflux_sem_stats",
    "afflux_client_summary_t",
    "afflux_control_stats",
    "afflux_tenant_stats",
)
KINDS = {"uint64_t": "'u'", "int64_t": "'i'", "double": "'d'"}

# A declaration, and the comment that follows it.
FIELD = re.compile(r"^\s*(\w+) (\w+)(?:\[(\w+)\])?(?:, (\w+))?;(?:\s*/\*\*<(.*?)\*/)?", re.M | re.S)


def fields(text: str, struct: str) -> list[str]:
    body = text.split(f"typedef struct {struct} {{")[1].split(f"}} {struct};")[0]
    made = []
    for kind, first, count, second, comment in FIELD.findall(body):
        if kind not in KINDS or first == "later":
            continue  # struct_size, what uint32_t tell, and the room for later fields
        doc = re.sub(r"\s+", " ", comment).strip().replace("\\", "\\\\").replace('"', '\\"')
        made += [
            f'F({name}, {KINDS[kind]}, {count or 1}, "{doc}")' for name in (first, second) if name
        ]
    return made


def main() -> None:
    text = "".join(open(path, encoding="utf-8").read() for path in sys.argv[1:])
    print("/* Made by fields.py from the library's headers. */")
    for struct in STRUCTS:
        print(f"#define {struct.upper()}(F) \\\n  " + " \\\n  ".join(fields(text, struct)))


main()
