# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is measured: the data in groups/*.toml.

A table with `for_each` stands for one table a binding. A placeholder that has the name of a list
stands for each of the list's entries in turn: for the key in names of benchmarks, for the text in
titles.
"""

import itertools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "groups"
# In the order of the tables on the page.
NAMES = ("uncontended", "few", "queues", "contended", "pingpong", "ports", "stats",
         "waiter-queues", "bindings", "tenants", "shared")


def fill(value, words):
    """`value` with "{key}" replaced by words[key], in all strings of it; others stay."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda m: str(words.get(m[1], m[0])), value)
    if isinstance(value, list):
        return [fill(item, words) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, words) for key, item in value.items()}
    return value


def repeated(table):
    """The tables that `table` stands for."""
    bindings = table.get("for_each", [{}])
    plain = {key: value for key, value in table.items() if key != "for_each"}
    once = {key: plain.pop(key) for key in ("heading", "pictures", "text", "text_value")
            if key in plain}
    for number, words in enumerate(bindings):
        yield fill(plain | (once if number == 0 else {}), words)


@dataclass(frozen=True)
class Row:
    title: str
    name: str
    rest: tuple  # beside which benchmark; in a table with columns: metric, form of the cell
    words: dict  # the lists' keys that stand in the name

    def divided_by(self, text):
        return float(fill(text, self.words))


class Group:
    def __init__(self, name):
        data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        self.name = name
        self.page = data["page"]
        self.apart = data.get("apart", False)
        self.launches = data.get("launches", 7)
        self.tells_calm = data.get("tells_calm", False)
        self.lists = data.get("lists", {})
        self.checks = data.get("check", [])
        self.programs = [{"group": name} | program for program in data["program"]]
        self.styles = data.get("styles", {})
        self.pictures = data.get("picture", [])
        more = data.get("more", [])
        self.tables = [{"more": more} | table for described in data["table"]
                       for table in repeated(described)]

    def rows(self, table):
        for title, name, *rest in table["rows"]:
            used = [key for key in dict.fromkeys(re.findall(r"\{(\w+)\}", title + name))
                    if key in self.lists and key != table.get("columns")]
            for keys in itertools.product(*(self.lists[key] for key in used)):
                words = dict(zip(used, keys))
                texts = {key: self.lists[key][word] for key, word in words.items()}
                yield Row(fill(title, texts), fill(name, words), tuple(fill(rest, words)), words)


def load(names=NAMES):
    return [Group(name) for name in names]
