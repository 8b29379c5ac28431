#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The shared library exports exactly the functions of the C headers, under the
SONAME of its major version, and the version script lists exactly those. A DLL has no versions; its
own name stands for the SONAME. The archive, which a program links whole, defines nothing strongly
but those functions and what lies in namespace afflux."""

import argparse
import re
import subprocess
import sys


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    return set(re.findall(r"AFFLUX_API\b[^;()]*?\b(\w+)\s*\(", text))


def mapped(version_script):
    text = re.sub(r"#.*", "", open(version_script, encoding="utf-8").read())
    return set(re.findall(r"\b(afflux_\w+)\s*;", text))


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def exported(nm, library):
    output = output_of(nm, "-D", "--defined-only", library)
    names = set()
    for line in output.splitlines():
        _, kind, name = line.split()[-3:]
        name, _, version = name.partition("@")
        if kind != "A":  # 'A' is the version node itself
            names.add(name)
            if not version.lstrip("@").startswith("AFFLUX_"):
                print(f"{name}: exported without a version")
    return names


def soname(readelf, library):
    match = re.search(r"\(SONAME\).*\[(.*)\]", output_of(readelf, "-d", library))
    return match.group(1) if match else None


def exported_by_dll(objdump, library):
    """The names, and that of the DLL."""
    output = output_of(objdump, "-p", library)
    own_name = re.search(r"^Name\s+[0-9a-f]+\s+(\S+)$", output, flags=re.M)
    table = output.partition("[Ordinal/Name Pointer] Table")[2].partition("\n\n")[0]
    return (set(re.findall(r"^\s+\[\s*\d+\]\s+(?:\+base\[\s*\d+\]\s+[0-9a-f]+\s+)?(\S+)$",
                           table, flags=re.M)),
            own_name.group(1) if own_name else None)


def strangers(nm, archive):
    """Strong global symbols that could meet a program's own."""
    found = set()
    for line in output_of(nm, "--extern-only", "--defined-only", archive).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "TDBRSGC":
            name = fields[2]
            if not (name.startswith("afflux_") or re.match(r"_Z\w*?6afflux", name)):
                found.add(name)
    return found


def compare(what, names, reference):
    for name in sorted(names - reference):
        print(f"{what}: {name} is not declared in the header")
    for name in sorted(reference - names):
        print(f"{what}: {name} is missing")
    return names == reference


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--header", required=True, action="append")
    for option in ("--map", "--library", "--soname"):
        parser.add_argument(option, required=True)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--readelf", default="readelf")
    parser.add_argument("--archive", help="the static library")
    parser.add_argument("--objdump", help="the library is a DLL, and this reads it")
    args = parser.parse_args()

    reference = set()
    for header in args.header:
        found = declared(header)
        if not found:
            sys.exit(f"{header}: no declarations found")
        reference |= found
    same = compare("version script", mapped(args.map), reference)
    if args.objdump:
        names, own_name = exported_by_dll(args.objdump, args.library)
    else:
        names, own_name = exported(args.nm, args.library), soname(args.readelf, args.library)
    same = compare("shared library", names, reference) and same
    if own_name != args.soname:
        print(f"SONAME is {own_name}, not {args.soname}")
        same = False
    if args.archive:
        for name in sorted(strangers(args.nm, args.archive)):
            print(f"archive: {name} is global, and neither afflux_... nor in namespace afflux")
            same = False
    print(f"{len(reference)} functions declared")
    sys.exit(0 if same else 1)


main()
