#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The manual out of the headers: man pages that groff takes without a warning and that have what
the header says, and, where Doxygen has made one, an HTML manual whose links lead somewhere.

    manual_test.py MAN_PAGES_PY VERSION FOLDER_OF_HTML|- HEADER...
"""

import html.parser
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

problems = []

# Doxygen's summary of a page names them where the page has none.
DOXYGENS_OWN = {"nested-classes", "define-members"}


def expect(true, problem):
    if not true:
        problems.append(problem)


def check_man_pages(script, version, headers):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, script, version, folder, *headers], check=True,
                       stdout=subprocess.DEVNULL)
        pages = sorted(Path(folder).rglob("*.[37]"))
        expect(len(pages) > 100, f"only {len(pages)} man pages")
        for page in pages:
            text = page.read_text(encoding="utf-8")
            expect(".SH NAME" in text and ".SH SEE ALSO" in text or page.suffix == ".7",
                   f"{page.name}: sections are missing")
            expect("@" not in text, f"{page.name}: a command of Doxygen's is left")
        acquire = Path(folder, "man3/afflux_sem_acquire.3").read_text(encoding="utf-8")
        for section in ("SYNOPSIS", "PARAMETERS", "RETURN VALUE", "THREADS", "MEMORY ORDER",
                        "OWNERSHIP", "HISTORY"):
            expect(f".SH {section}\n" in acquire, f"afflux_sem_acquire.3 has no {section}")
        statuses = re.findall(r"^\.TP\n\\fB(AFFLUX_\w+)\\fP$", acquire, flags=re.M)
        expect("AFFLUX_OK" in statuses and "AFFLUX_ETIMEDOUT" in statuses and len(statuses) >= 6,
               f"afflux_sem_acquire.3 lists only {statuses}")
        if shutil.which("groff") is None:
            print("groff is not installed: the pages are not formatted")
            return
        for page in pages:
            told = subprocess.run(["groff", "-man", "-ww", "-Kutf8", "-Tutf8", "-z", page],
                                  stderr=subprocess.PIPE, text=True, check=False).stderr
            told = "\n".join(line for line in told.splitlines() if "adjust" not in line
                             and "break" not in line)
            expect(not told, f"{page.name}: {told}")
        print(f"{len(pages)} man pages")


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.anchors, self.links = set(), []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])


def check_html(folder):
    pages = {}
    for page in folder.rglob("*.html"):
        pages[page.name] = Links()
        pages[page.name].feed(page.read_text(encoding="utf-8"))
    expect(len(pages) > 20, f"only {len(pages)} pages of HTML")
    count = 0
    for name, page in pages.items():
        for link in page.links:
            url = urllib.parse.urlsplit(link)
            if url.scheme or link.startswith("javascript"):
                continue
            count += 1
            target = url.path or name
            expect((folder / target).exists(), f"{name}: {link} leads nowhere")
            if url.fragment and target in pages and url.fragment not in DOXYGENS_OWN:
                expect(urllib.parse.unquote(url.fragment) in pages[target].anchors,
                       f"{name}: {link} has no such place")
    index = (folder / "afflux_8h.html").read_text(encoding="utf-8")
    for chapter in range(1, 11):
        expect(f'id="chapter{chapter}"' in index, f"chapter {chapter} is missing")
    print(f"{len(pages)} pages of HTML, {count} links")


def main():
    script, version, folder, *headers = sys.argv[1:]
    check_man_pages(script, version, headers)
    if folder != "-":
        check_html(Path(folder))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
