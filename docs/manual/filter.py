#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Doxygen's input filter: the headers' comments are written to be read as they are, and this says
the same in Doxygen's commands. In C headers:

    @return AFFLUX_OK  text           @retval AFFLUX_OK text
    Threads: text (Order, Owns)       @par Threads
    Since: 0.1                        @since 0.1
    7. Order and fairness / ------    @section chapter7 7. Order and fairness
    chapter 7                         a link to it
    what is indented                  @verbatim
    a banner with a title             @defgroup, to the next one
    a plain comment                   said of each comment behind it that has no Since

In C++ headers what stands at the head of the file is that file's documentation.
"""

import re
import sys

FIELDS = {"Threads": "@par Threads\n", "Order": "@par Memory order\n", "Owns": "@par Ownership\n",
          "Since": "@since "}
BANNER = re.compile(r"/\* -{20,} \*/\n/\* (.*?) +\*/\n/\* -{20,} \*/\n")
STATUSES = re.compile(r"(AFFLUX_[A-Z0-9]+(?:, AFFLUX_[A-Z0-9]+)*),?(?:\s+(.*))?$")


def linked(text):
    return re.sub(r"\b([Cc]hapter) (\d+)\b", r'@ref chapter\2 "\1 \2"', text)


def outcomes(lines, column):
    """The lines of an @return: one @retval for each status that begins one at that column."""
    result, seen_status = [], False
    for line in lines:
        text = line.strip()
        begins = len(line) - len(line.lstrip()) == column
        status = STATUSES.match(text) if begins else None
        if status and not (status.group(2) or "").startswith(("or ", "and ")):
            names = status.group(1).replace(" ", "")
            result.append(f"@retval {names} {status.group(2) or ''}".rstrip())
            seen_status = True
        elif not result or (begins and seen_status):  # what is said of all of them
            result.append("@return " + text)
        else:
            result.append(text)
    return result


def one_line(text):
    """What is written in one line is cut at its fields."""
    text = re.sub(r"\s@return ", "\n@return ", text)
    return re.sub(r"(?:^|(?<=[.;])\s+)(Threads|Order|Owns|Since): ", r"\n\1: ", text)


def body(text):
    """The text of one comment, without its stars."""
    lines = one_line(text).split("\n")
    result, at = [], 0
    while at < len(lines):
        line = lines[at]
        field = re.match(r"(Threads|Order|Owns|Since):\s*(.*)", line)
        chapter = re.match(r"(\d+)\. (.*)", line)
        if chapter and at + 1 < len(lines) and re.fullmatch("-+", lines[at + 1]):
            result.append(f"@section chapter{chapter.group(1)} {line}")
            at += 2
            continue
        if line.startswith("@return"):
            end = at + 1
            while end < len(lines) and lines[end].startswith("  "):
                end += 1
            column = len("@return ")
            result += map(linked, outcomes([" " * column + line[column:].lstrip(),
                                            *lines[at + 1:end]], column))
            at = end
            continue
        if line.startswith("@param"):
            result.append(linked(re.sub(r"^@param ([\w, ]+?)  ", lambda m: "@param " +
                                        m.group(1).replace(" ", "") + " ", line)))
            at += 1
            while at < len(lines) and lines[at].startswith("  "):
                result.append(linked(lines[at].strip()))
                at += 1
            continue
        if field:
            result.append("")
            result.append(FIELDS[field.group(1)] + linked(field.group(2)))
            at += 1
            while at < len(lines) and lines[at].startswith(" "):
                result.append(linked(lines[at].strip()))
                at += 1
            result.append("")
            continue
        if line.startswith("  ") and line.strip():
            end = at
            while end < len(lines) and (lines[end].startswith("  ") or not lines[end].strip()):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            result += ["@verbatim", *lines[at:end], "@endverbatim"]
            at = end
            continue
        result.append(linked(line))
        at += 1
    return "\n".join(result)


def stars_off(comment):
    return "\n".join(re.sub(r"^ *\* ?", "", line) for line in comment.split("\n")).strip("\n")


def convert_cpp(text):
    """The comment after the licence, up to the first line that is none."""
    head = re.match(r"// SPDX[^\n]*\n//\n((?://[^\n]*\n)+)", text)
    if not head:
        return text
    told = body(re.sub(r"^// ?", "", head.group(1), flags=re.M).strip("\n"))
    told = re.sub(r"chapter(?=\d)", "cpp_chapter", told)
    return "/** @file\n" + told + "\n*/\n" + text[head.end():]


def convert(text):
    open_section = False

    def section(match):
        nonlocal open_section
        title, intro = match.group(1), match.group(2)
        close = "/** @} */\n" if open_section else ""
        open_section = True
        told = body(stars_off(intro)) if intro else ""
        group = re.sub(r"\W+", "_", title.lower())
        return f"{close}/** @defgroup {group} {title}\n{told}\n@{{ */\n"

    text = re.sub(BANNER.pattern + r"\n?(?:/\*\n(.*?)\*/\n)?", section, text, flags=re.S)
    shared = ""

    def comment(match):
        nonlocal shared
        told = stars_off(match.group(2).strip())
        if not match.group(1):
            shared = told
            return match.group()
        if "Since: " not in told and shared:
            told += "\n\n" + shared
        return "/**\n" + body(told) + "\n*/"

    text = re.sub(r"/\*(\*?)(?!\*?<|\*? @defgroup|\*? @\}| -| SPDX)(.*?)\*/", comment, text, flags=re.S)
    if open_section:
        at = [match.start() for match in re.finditer(r"^# *ifdef __cplusplus", text, re.M)][-1]
        text = text[:at] + "/** @} */\n" + text[at:]
    return text


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as header:
        convert_one = convert_cpp if sys.argv[1].endswith(".hpp") else convert
        sys.stdout.write(convert_one(header.read()))
