#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compiles and runs the code that the documentation shows.

A fenced block of ```c or ```cpp is a program: it has a main(), is compiled, linked with the
library and run, and must answer 0. Words after the language say more:

  compile    compiled only: a fragment without a main()
  pkg:NAME   needs a package of pkg-config's; its flags are used, or the library that --beside
             gives for it
  has:NAME   needs a header

A block whose needs are not met is skipped. README.md has to show at least one program in each
language."""

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
        self.runs = "compile" not in words
        self.needs = [word for word in words if word.startswith(("pkg:", "has:"))]
        self.mistakes = [f"unknown word '{word}'" for word in words
                         if word not in self.needs and word != "compile"]
        if not self.mistakes and self.runs != (re.search(r"\bint\s+main\s*\(", code) is not None):
            self.mistakes.append("has a main() and is `compile`, or has none and is not")


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


def flags_for(need, compiler, beside):
    """What the compiler is told about a need; None: it is not met."""
    kind, name = need.split(":", 1)
    if kind == "pkg" and name in beside:
        library = Path(beside[name]).resolve()
        return [str(library), f"-Wl,-rpath,{library.parent}"]
    if kind == "has":
        done = subprocess.run([*compiler, "-E", "-include", name, "-x", "c++", os.devnull],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [] if done.returncode == 0 else None
    try:
        done = subprocess.run(["pkg-config", "--cflags", "--libs", name],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return None
    return shlex.split(done.stdout) if done.returncode == 0 else None


def compiler_of(snippet, args):
    return shlex.split(args.cxx if snippet.language == "cpp" else args.cc)


def check(snippet, args, extra, work):
    source = work / f"snippet.{snippet.language}"
    source.write_text(snippet.code, encoding="utf-8")
    command = [*compiler_of(snippet, args), *FLAGS[snippet.language],
               "-I", str(args.source / "include"),
               "-I", str(args.source / "examples" / "snippets"), str(source)]
    program = work / "snippet"
    if snippet.runs:
        command += ["-o", str(program), str(args.library),
                    f"-Wl,-rpath,{args.library.parent}", "-pthread", *extra]
        if args.library.suffix == ".a":
            # Once more, for what the libraries beside it use.
            command += [str(args.library), *(["-lstdc++"] if snippet.language == "c" else [])]
    else:
        command += ["-fsyntax-only", *extra]
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


def result_of(snippet, args):
    """("ok" | "skip" | "FAIL", why)"""
    if snippet.mistakes:
        return "FAIL", ", ".join(snippet.mistakes)
    extra = []
    for need in snippet.needs:
        flags = flags_for(need, compiler_of(snippet, args), dict(args.beside))
        if flags is None:
            return "skip", f"{need} is not here"
        extra += flags
    with tempfile.TemporaryDirectory(prefix="afflux-snippet-") as work:
        problem = check(snippet, args, extra, Path(work))
    return ("FAIL", problem) if problem else ("ok", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--beside", type=lambda text: text.split("=", 1), action="append",
                        default=[], metavar="NAME=LIBRARY", help="what pkg:NAME is, as it is built")
    parser.add_argument("pages", nargs="*", type=Path, help="only these; default: all")
    args = parser.parse_args()
    args.source, args.library = args.source.resolve(), args.library.resolve()

    root = args.source
    readme = root / "README.md"
    files = [path.resolve() for path in args.pages] or [
        readme, *sorted((root / "docs").rglob("*.md")),
        *sorted((root / "include" / "afflux").glob("*.h*"))]
    failed, shown = 0, set()
    for path in files:
        for snippet in snippets(path, root):
            result, why = result_of(snippet, args)
            failed += result == "FAIL"
            print(f"{result:4} {snippet.where} ({snippet.language})" + (f": {why}" if why else ""),
                  flush=True)
            if snippet.runs and path == readme:
                shown.add(snippet.language)
    for language in FLAGS:
        if readme in files and language not in shown:
            print(f"FAIL README.md shows no program in {language}")
            failed += 1
    sys.exit(1 if failed else 0)


main()
