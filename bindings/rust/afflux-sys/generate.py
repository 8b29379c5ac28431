#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes src/ffi.rs of the C headers, and the table of the layout test.

Users need neither this script nor libclang: the result is checked in. The headers are regular
enough for a few regular expressions; what this script cannot read stops it.

  generate.py           write both files
  generate.py --check   exit with 1 if one of them declares what the headers do not, or the other
                        way round; comments may differ
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = ["afflux.h", "client.h", "stats.h", "control.h", "tenant.h"]
PLAIN = {
    "int32_t": "i32", "uint32_t": "u32", "int64_t": "i64", "uint64_t": "u64", "size_t": "usize",
    "intptr_t": "isize", "double": "f64", "char": "c_char", "void": "c_void",
    "struct io_uring_sqe": "io_uring_sqe", "struct io_uring_cqe": "io_uring_cqe",
}
# Must not be copied or moved while the library uses them.
UNCOPIED = {"afflux_waiter", "afflux_permit_token", "afflux_wait_item", "afflux_wait_group",
            "afflux_fastpath"}
ATOMIC = {("afflux_fastpath", f) for f in ("word", "limit", "taken", "beyond", "peak")}
# Enumerators that are no plain flag or choice: what they are compared with has another type.
AS_TIME = {"AFFLUX_FOREVER", "AFFLUX_TIMER_TICK_NS", "AFFLUX_SHED_TARGET_NS",
           "AFFLUX_SHED_INTERVAL_NS"}
AS_COUNT = {"AFFLUX_WAITER_UNTIMED_SIZE", "AFFLUX_WAIT_ITEMS_MAX", "AFFLUX_HISTOGRAM_BUCKETS",
            "AFFLUX_CLIENT_CLASSES", "AFFLUX_CLIENT_PIPELINES", "AFFLUX_CLIENT_RESPONSES"}


def rust_type(c):
    """The Rust type of a C type without a name: "const char *" and the like."""
    c = " ".join(c.replace("*", " * ").split())
    if c.endswith("*"):
        inner = c[:-1].strip()
        const = inner.startswith("const ")
        inner = inner[6:] if const else inner
        return ("*const " if const else "*mut ") + rust_type(inner)
    if c in PLAIN:
        return PLAIN[c]
    if re.fullmatch(r"afflux_\w+", c):
        return c
    raise SystemExit(f"unknown type: {c!r}")


def declarator(text, constants):
    """Name and Rust type of "const char *name" or "uint64_t buckets[N]"."""
    m = re.fullmatch(r"(.*?)(\w+)((?:\[\w+\])?)", " ".join(text.split()))
    kind, name, array = m[1].strip(), m[2], m[3][1:-1]
    kind = rust_type(kind)
    if array:
        kind = f"[{kind}; {array}]"
    return ("r#type" if name == "type" else name), kind


def doc(comment, indent=""):
    """A C comment as rustdoc: as it stands, but for what Markdown would take amiss."""
    if not comment:
        return ""
    text = re.sub(r"^/\*\*<?|\*/$", "", comment.strip())
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in text.split("\n")]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    out, table = [], False
    for line in lines:
        opens = re.match(r"\s*(@param|@return|Threads:|Order:|Owns:|Since:)", line)
        if opens and not table and out and out[-1]:
            out.append("")
        if opens and not table:
            out.append("```text")
            table = True
        out.append(line if table else re.sub(r"([\[\]<>*`])", r"\\\1", line.strip()))
    if table:
        out.append("```")
    return "".join(f"{indent}///{' ' + line if line else ''}\n" for line in out)


def arguments(text):
    text = " ".join(text.split())
    if text == "void":
        return ""
    parts = []
    for i, arg in enumerate(text.split(",")):
        arg = arg.strip()
        if re.fullmatch(r"(const )?\w+ \*+|\w+", arg):
            arg += f" arg{i}"
        name, kind = declarator(arg, {})
        parts.append(f"{name}: {kind}")
    return ", ".join(parts)


def returns(kind):
    kind = kind.strip()
    return "" if kind == "void" else f" -> {rust_type(kind)}"


COMMENT = r"(?P<doc>/\*\*(?:(?!\*/).)*\*/\s*)?"
ITEM = re.compile(
    COMMENT + r"(?:"
    r"typedef struct (?P<opaque>\w+) (?P=opaque);"
    r"|typedef struct (?P<struct>\w+) \{(?P<fields>.*?)\n\} (?P=struct);"
    r"|typedef (?P<fnret>[\w ]+?) ?\(\*(?P<fn>\w+)\)\((?P<fnargs>[^;]*)\);"
    r"|typedef (?P<alias>\w+) (?P<name>\w+);"
    r"|enum \{(?P<enum>.*?)\};"
    r"|AFFLUX_API (?P<ret>[\w ]+?\**)(?P<call>\bafflux_\w+)\((?P<args>[^;]*)\);"
    r"|struct (?P<foreign>io_uring_\w+);"
    r")", re.S)
FIELD = re.compile(r"(?P<before>/\*\*[^<](?:(?!\*/).)*\*/\s*)?(?P<decl>[\w *,\[\]]+?);"
                   r"(?P<after>[ ]*/\*\*<(?:(?!\*/).)*\*/)?", re.S)
VALUE = re.compile(r"(?P<before>/\*\*[^<](?:(?!\*/).)*\*/\s*)?(?P<name>AFFLUX_\w+) = (?P<value>-?\w+),?"
                   r"(?P<after>[ ]*/\*\*<(?:(?!\*/).)*\*/)?", re.S)


def constant_type(name, group):
    if name in AS_TIME:
        return "i64"
    if name in AS_COUNT:
        return "usize"
    return "afflux_status" if "AFFLUX_PENDING =" in group else "u32"


def main():
    root = next(p for p in HERE.parents if (p / "include/afflux/afflux.h").is_file())
    kinds, calls, table, seen = [], [], [], set()
    for header in HEADERS:
        text = (root / "include/afflux" / header).read_text(encoding="utf-8")
        # Comments on one line about a field, and ordinary comments, are not in the way.
        text = re.sub(r"/\*(?!\*).*?\*/", "", text, flags=re.S)
        text = text.replace("#  ", "#")
        known = len(re.findall(r"^AFFLUX_API ", text, re.M))
        found = 0
        for m in ITEM.finditer(text):
            about = doc(m["doc"])
            if m["opaque"] or m["foreign"]:
                name = m["opaque"] or m["foreign"]
                if name in seen:
                    continue
                seen.add(name)
                about = about or doc(trailing(text, m.end()))
                kinds.append(about + f"#[repr(C)]\npub struct {name} {{\n    _opaque: [u8; 0],\n"
                             "    _marker: PhantomData<(*mut u8, PhantomPinned)>,\n}\n")
            elif m["struct"]:
                name = m["struct"]
                derive = "" if name in UNCOPIED else "#[derive(Clone, Copy, Debug)]\n"
                lines, fields = [], []
                for f in FIELD.finditer(m["fields"]):
                    first, *more = f["decl"].split(",")
                    base = first.strip().rsplit(" ", 1)[0]
                    for decl in [first] + [f"{base} {x.strip()}" for x in more]:
                        field, kind = declarator(decl.strip(), {})
                        if (name, field) in ATOMIC:
                            kind = "AtomicU64"
                        lines.append(doc(f["before"] or f["after"], "    ") +
                                     f"    pub {field}: {kind},\n")
                        fields.append(field)
                kinds.append(about + f"#[repr(C)]\n{derive}pub struct {name} {{\n" +
                             "".join(lines) + "}\n")
                table.append((name, fields))
            elif m["fn"]:
                kinds.append(about + f"pub type {m['fn']} =\n    Option<unsafe extern \"C\" fn("
                             f"{arguments(m['fnargs'])}){returns(m['fnret'])}>;\n")
            elif m["alias"]:
                kinds.append(about + f"pub type {m['name']} = {rust_type(m['alias'])};\n")
            elif m["enum"]:
                for v in VALUE.finditer(m["enum"]):
                    kind = constant_type(v["name"], m["enum"])
                    kinds.append((doc(v["before"] or v["after"]) or about) +
                                 f"pub const {v['name']}: {kind} = {v['value']};\n")
                    seen.add(v["name"])
            else:
                found += 1
                calls.append(doc(m["doc"], "    ") + f"    pub fn {m['call']}({arguments(m['args'])})"
                             f"{returns(m['ret'])};\n")
                table.append((m["call"], None))
        if found != known:
            raise SystemExit(f"{header}: {known} functions, {found} of them understood")
    head = "// SPDX-License-Identifier: MIT OR Apache-2.0\n// Made by generate.py of the C headers.\n"
    ffi = (head + "use core::ffi::c_void;\nuse core::marker::{PhantomData, PhantomPinned};\n"
           "use core::sync::atomic::AtomicU64;\nuse std::os::raw::c_char;\n\n" +
           "\n".join(kinds) + "\nextern \"C\" {\n" + "\n".join(calls) + "}\n")
    constants = sorted(n for n in seen if n.startswith("AFFLUX_"))
    rows = "".join(f"    structure!({n}: {', '.join(f)});\n" for n, f in table if f is not None)
    rows += "".join(f"    constant!({n});\n" for n in constants)
    rows += "".join(f"    function!({n});\n" for n, f in table if f is None)
    layout = (head + "// The macros are those of main.rs, which includes this file.\n{\n" + rows + "}\n")
    stale = 0
    for path, content in ((HERE / "src/ffi.rs", ffi), (HERE / "tests/layout/table.rs", layout)):
        if "--check" in sys.argv[1:]:
            there = path.read_text(encoding="utf-8") if path.is_file() else ""
            if declarations(there) != declarations(content):
                print(f"{path.name} is not what the headers say: run generate.py", file=sys.stderr)
                stale = 1
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
    return stale


def declarations(text):
    return [line for line in text.split("\n") if not line.lstrip().startswith("//")]


def trailing(text, end):
    m = re.match(r"[ ]*(/\*\*<.*?\*/)", text[end:], re.S)
    return m[1] if m else ""


if __name__ == "__main__":
    sys.exit(main())
