#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compiles and runs the code that the documentation shows.

A fenced block of ```c or ```cpp that has a main() is a program: it is compiled,
linked with the library and run, and must answer 0. A word after the language
says otherwise: `compile` (compiled only, for fragments that need no main) or
`ignore`. README.md has to show at least one program in each language."""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = {
    "c": ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"],
    "cpp": ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror"],
}
RUN_SECONDS = 60


class Snippet:
    def __init__(self, file, line, language, words, code):
        self.where = f"{file}:{line}"
        self.language = language
        self.code = code
        self.is_program = re.search(r"\bint\s+main\s*\(", code) is not None
        self.wanted = "ignore" not in words and (self.is_program or "compile" in words)
        self.runs = self.is_program and "compile" not in words


def prose(path):
    """The file's text; of a header what its comments say."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return "\n".join(match.group(1) if match else ""
                     for match in (re.match(r"\s*(?:/?\*+|//+) ?(.*)", line)
                                   for line in text.splitlines()))


def snippets(path, root):
    found, block = [], None
    for number, line in enumerate(prose(path).splitlines(), 1):
        fence = re.match(r"\s*```+\s*(.*)$", line)
        if not fence:
            if block:
                block[3].append(line)
        elif block:
            language, words, start, code = block
            if language in FLAGS:
                found.append(Snippet(path.relative_to(root), start, language, words,
                                     "\n".join(code) + "\n"))
            block = None
        else:
            words = re.split(r"[\s,{}]+", fence.group(1).strip())
            language = {"c++": "cpp", "C": "c", "h": "c"}.get(words[0], words[0])
            block = (language, words[1:], number, [])
    return found


def check(snippet, args, work):
    source = work / f"snippet.{snippet.language}"
    source.write_text(snippet.code, encoding="utf-8")
    compiler = shlex.split(args.cxx if snippet.language == "cpp" else args.cc)
    command = [*compiler, *FLAGS[snippet.language], "-I", str(args.source / "include"),
               "-I", str(args.source / "examples" / "snippets"), str(source)]
    program = work / "snippet"
    if snippet.is_program:
        command += ["-o", str(program), str(args.library),
                    f"-Wl,-rpath,{args.library.parent}", "-pthread"]
        if args.library.suffix == ".a" and snippet.language == "c":
            command += ["-lstdc++"]
    else:
        command += ["-fsyntax-only"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        return f"does not compile\n{done.stdout}"
    if snippet.runs:
        try:
            done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, timeout=RUN_SECONDS, cwd=work, env=os.environ)
        except subprocess.TimeoutExpired:
            return f"still runs after {RUN_SECONDS} s"
        if done.returncode != 0:
            return f"answers {done.returncode}\n{done.stdout}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    args = parser.parse_args()

    root = args.source
    readme = root / "README.md"
    files = [readme, *sorted((root / "docs").rglob("*.md")),
             *sorted((root / "include" / "afflux").glob("*.h*"))]
    failed, run = 0, {}
    for path in (path for path in files if path.exists()):
        for snippet in snippets(path, root):
            if not snippet.wanted:
                print(f"skip {snippet.where} ({snippet.language})")
                continue
            with tempfile.TemporaryDirectory(prefix="afflux-snippet-") as work:
                problem = check(snippet, args, Path(work))
            failed += problem is not None
            print(f"{'FAIL' if problem else 'ok  '} {snippet.where} ({snippet.language})"
                  + (f": {problem}" if problem else ""))
            if snippet.runs and path == readme:
                run[snippet.language] = run.get(snippet.language, 0) + 1
    for language in FLAGS:
        if language not in run:
            print(f"FAIL README.md shows no program in {language}")
            failed += 1
    sys.exit(1 if failed else 0)


main()
