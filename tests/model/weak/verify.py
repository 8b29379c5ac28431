#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the scenarios of this folder, and the seeded bugs, through GenMC.

    verify.py [--jobs N] [SCENARIO...]   scenarios (all), and the bugs that those must find
    verify.py --orders [ORDER...]        weakens each memory order by one step; who notices?
    verify.py --bugs                     only the seeded bugs
    verify.py --list                     the scenarios

A scenario passes if GenMC explores all its executions under RC11 and finds no error; a bug is found if
it does find one. Everything else (a timeout, a file that does not compile) is a failure.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SCENARIO = re.compile(r'^ *X\((\d+), (\d+), (\w+), (\w+)\)', re.M)
TEXT = re.compile(r'^// (\d+): (.*(?:\n// .*)*)\nstatic void', re.M)
ORDER = re.compile(r'^#define ([A-Z_]+) (RELAXED|ACQUIRE|RELEASE|ACQ_REL)$', re.M)
BUG = re.compile(r'^  ([A-Z_]+)(?: = 1)?, +// (.*)$', re.M)
WEAKER = {'ACQ_REL': ('ACQUIRE', 'RELEASE'), 'ACQUIRE': ('RELAXED',), 'RELEASE': ('RELAXED',)}

# The scenarios that must find each bug, each by itself. With an s: where a sleep is the last.
FOUND_BY = {
    'ARRIVING_IS_IN': ['35', '66'],
    'CLAIMED_IS_GRANTED': ['8'],
    'MAIL_CLEARED_LATE': ['84'],
    'CANCEL_DOES_NOT_LOOK': ['58'],
    'COMPLETED_BEFORE_UNLOCK': ['36'],
    'UNLOCK_OVERWRITES': ['36'],
    'SLEEPERS_FORGOTTEN': ['30s', '47s', '48s'],
    'DEAD_DESPITE_COMERS': ['14', '16'],
    'COMERS_NOT_COUNTED': ['56', '57'],
    'EXPELLED_NOT_SEEN': ['56', '57'],
    'SECOND_PUSHER_IS_SILENT': ['85'],
    'MAIL_NOT_REPEATED': ['84'],
    'SHRINK_NOT_COUNTED': ['55'],
    'LIMIT_NOT_SEEN_AGAIN': ['46'],
    'RELEASE_IS_RELAXED': ['4', '51'],
    'RELEASE_IGNORES_BUSY': ['63'],
    'CLOSE_IGNORES_BUSY': ['60', '61'],
    'NOTIFY_ONLY_LOADS': ['74', '75'],
    'WAKE_ONLY_LOADS': ['64'],
    'ASKED_TOO_EARLY': ['64'],
    'ASKING_IS_CANCELLED': ['68', '83'],
    'TOLD_TOO_EARLY': ['79', '80'],
    'CANCEL_DOES_NOT_WAIT_TOLD': ['79'],
}

# The scenario that shows a weakened order, where one does: tried first. README.md explains the rest.
SHOWN_BY = {
    'TRY_LOOK RELAXED': [45],
    'TRY_TAKE RELAXED': [26],
    'TRY_TAKE_FAILED RELAXED': [50],
    'ACQUIRE_TAKE RELAXED': [1],
    'ENQUEUE_LOOK RELAXED': [44],
    'ENQUEUE_LOCK RELAXED': [64],
    'ENQUEUE_LOCK_FAILED RELAXED': [44],
    'ENQUEUE_IN RELAXED': [11],
    'ENQUEUE_UNLOCK RELAXED': [4],
    'ENQUEUE_UNLOCK_FAILED RELAXED': [4],
    'PUSH RELAXED': [84],
    'MAIL_SET RELEASE': [65],
    'SETTLE ACQUIRE': [6],
    'SETTLE_FAILED RELAXED': [6],
    'ASK_CLAIM_FAILED RELAXED': [64],
    'RELEASE_LOOK RELAXED': [40],
    'RELEASE_ADD RELAXED': [4],
    'RELEASE_ADD_FAILED RELAXED': [40],
    'RELEASE_LOCK RELEASE': [9],
    'RELEASE_LOCK_FAILED RELAXED': [49],
    'LOCK_TAKE RELAXED': [8],
    'TAKE_IN RELAXED': [84],
    'TAKE_OFF ACQUIRE': [6],
    'TAKE_OFF RELEASE': [6],
    'UNLOCK RELAXED': [8],
    'UNLOCK_FAILED RELAXED': [51],
    'CANCEL_CLAIM RELAXED': [11],
    'CLOSE_MARK ACQUIRE': [44],
    'CLOSE_MARK RELEASE': [14],
    'UNREF ACQUIRE': [16],
    'UNREF RELEASE': [16],
    'WAKE_LOOK ACQUIRE': [64],
    'RESET_TAKE RELAXED': [76],
    'TELL RELAXED': [1],
    'TOLD RELAXED': [1],
}


class Scenario:
    def __init__(self, number, threads, kind, name, text):
        self.number, self.threads, self.kind, self.name = number, int(threads), kind, name
        self.text = text

    def variants(self):
        """How it is run: (what is added to the line, arguments of the compiler)."""
        patient = (' (patience 2)', ['-DPATIENCE=2'])
        asleep = (' (a sleep is the last)', ['-DSLEEPS=2'])
        return {'PLAIN': [('', []), patient], 'LARGE': [('', [])],
                'SLEEPS': [('', []), (' (sleeping)', ['-DSLEEPS=1']), asleep],
                'LAST_SLEEP': [('', []), asleep]}[self.kind]


def scenarios():
    texts = {}
    for file in HERE.glob('*.h'):
        for number, text in TEXT.findall(file.read_text()):
            texts[int(number)] = text.replace('\n//', '')
    rows = SCENARIO.findall((HERE / 'scenarios.c').read_text())
    return {int(row[0]): Scenario(int(row[0]), *row[1:], texts[int(row[0])]) for row in rows}


def bugs():
    body = re.search(r'enum bug \{\n(.*?)\};', (HERE / 'bugs.h').read_text(), re.S).group(1)
    return {name: (number, text) for number, (name, text) in enumerate(BUG.findall(body), 1)}


def orders():
    return dict(ORDER.findall((HERE / 'orders.h').read_text()))


class Outcome:
    def __init__(self, verdict, executions, seconds, output):
        self.verdict, self.executions, self.seconds, self.output = verdict, executions, seconds, output


def genmc(scenario, defines, folder=HERE, limit=1800):
    """verdict: 'clean', the first line of an error that GenMC found, or None if it came to no end."""
    options = ['--rc11', '--disable-estimation', '--disable-warn-on-unfreed-memory']
    # In a scenario with few executions every failing exchange is one of them. In a large one, a
    # loop that goes round without having changed anything is not looked at again.
    if scenario.kind != 'LARGE' and not any('SLEEPS' in define for define in defines):
        options.append('--disable-spin-assume')
    command = ['genmc', *options, '--', '-std=gnu11', '-DGENMC', f'-DSCENARIO={scenario.number}',
               *defines, str(folder / 'scenarios.c')]
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', timeout=limit)
    except subprocess.TimeoutExpired:
        return Outcome(None, 0, limit, f'not finished after {limit} s')
    seconds = time.monotonic() - start
    explored = re.search(r'complete executions explored: (\d+)', done.stdout)
    executions = int(explored.group(1)) if explored else 0
    error = re.search(r'^Error: (.*)$', done.stdout, re.M)
    verdict = None
    if error and explored:
        verdict = error.group(1)
    elif done.returncode == 0 and 'No errors were detected' in done.stdout and executions > 0:
        verdict = 'clean'
    return Outcome(verdict, executions, seconds, done.stdout)


def tail(text, lines=12):
    return '\n'.join('    ' + line for line in text.strip().splitlines()[-lines:])


def in_parallel(jobs, work, items):
    """work(item) for each; the results in the order of the items."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(work, items)


def run_scenarios(chosen, jobs):
    runs = [(s, name, defines) for s in chosen for name, defines in s.variants()]
    failed = 0

    def work(run):
        return run, genmc(run[0], run[2])

    for (s, name, _), outcome in in_parallel(jobs, work, runs):
        passed = outcome.verdict == 'clean'
        print(f'{"ok  " if passed else "FAIL"} {s.number:3}  {s.text}{name}: '
              f'{outcome.executions} executions, {outcome.seconds:.1f} s', flush=True)
        if not passed:
            failed += 1
            print(tail(outcome.output), flush=True)
    return failed


def run_bugs(chosen, jobs, table):
    runs = []
    known = bugs()
    for name, (number, text) in known.items():
        for which in FOUND_BY.get(name, []):
            scenario = table[int(which.rstrip('s'))]
            if scenario.number in chosen:
                defines = [f'-DBUG={number}']
                defines += ['-DSLEEPS=2'] if 's' in which else []
                runs.append((name, text, scenario, defines))
    failed = 0
    for name in known:
        if not FOUND_BY.get(name):
            failed += 1
            print(f'FAIL bug {name}: no scenario is named for it')

    def work(run):
        return run, genmc(run[2], run[3])

    for (name, text, scenario, _), outcome in in_parallel(jobs, work, runs):
        found = outcome.verdict not in (None, 'clean')
        print(f'{"ok  " if found else "FAIL"} {scenario.number:3}  bug: {text}: '
              f'{outcome.verdict if found else "NOT FOUND"}', flush=True)
        if not found:
            failed += 1
            print(tail(outcome.output), flush=True)
    return failed


def weakened_copy(folder, name, order):
    for file in list(HERE.glob('*.h')) + [HERE / 'scenarios.c']:
        text = file.read_text()
        if file.name == 'orders.h':
            text = re.sub(rf'^#define {name} \w+$', f'#define {name} {order}', text, flags=re.M)
        (folder / file.name).write_text(text)


def run_orders(names, jobs, table):
    """Each order, weakened by one step: which scenario finds an error? One that is known to; else the
    first of all but the large ones."""
    steps = [(name, now, then) for name, now in orders().items() if not names or name in names
             for then in WEAKER.get(now, ())]

    def work(step):
        name, _, then = step
        known = [table[number] for number in SHOWN_BY.get(f'{name} {then}', [])]
        rest = [s for s in table.values() if s.kind != 'LARGE' and s not in known]
        with tempfile.TemporaryDirectory(prefix='orders-') as folder:
            folder = pathlib.Path(folder)
            weakened_copy(folder, name, then)
            for scenario in known + rest:
                for _, defines in scenario.variants():
                    outcome = genmc(scenario, defines, folder, 600)
                    if outcome.verdict != 'clean':
                        return step, f'scenario {scenario.number}: {outcome.verdict or "no end"}'
        return step, 'nothing shows it'

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(work, step) for step in steps]):
            (name, now, then), what = done.result()
            print(f'{name}: {now} -> {then}: {what}', flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--orders', action='store_true')
    parser.add_argument('--bugs', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('names', nargs='*', metavar='SCENARIO')
    options = parser.parse_args()
    table = scenarios()
    if options.list:
        for s in table.values():
            print(f'{s.number:3}  {s.text}')
        return 0
    if not shutil.which('genmc'):
        print('verify: no genmc on the PATH: build GenMC (MPI-SWS, 0.11 or later) from its sources, '
              'and put it there', file=sys.stderr)
        return 2
    if options.orders:
        return run_orders(options.names, options.jobs, table)
    unknown = [name for name in options.names if not name.isdigit() or int(name) not in table]
    if unknown:
        print(f'verify: no scenario {", ".join(unknown)} (--list shows them)', file=sys.stderr)
        return 2
    chosen = [int(name) for name in options.names] or list(table)
    failed = 0 if options.bugs else run_scenarios([table[n] for n in chosen], options.jobs)
    failed += run_bugs(chosen, options.jobs, table)
    print(f'verify: {failed} failed' if failed else 'verify: all as it must be')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
