#!/usr/bin/env python3
"""
Compare our public headers with an installed reference set.

Every name that a reference header defines (structure member, typedef, tag, enumerator, macro) must
exist in our header of the same name, with the same layout or value. The headers are looked at as
guests of the oldest and of the newest interface version, as tools and as the hypervisor see them,
for 64-bit and 32-bit x86. One test per header and view compares; another checks that our header
compiles by itself without warnings. A small program then exercises the code that headers contain.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import namedtuple

import dwarf
from exceptions import (
    AFTER, ALLOWED, OLD_ONLY, PARTS, PRELUDE, SKIPPED_DIRS, SKIPPED_FILES, TOOLS_ONLY)

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.normpath(os.path.join(HERE, "../../xen/include/public"))
CC = shlex.split(os.environ.get("CC", "gcc"))
CFLAGS = ["-std=gnu11", "-ffreestanding"]
STRICT = ["-Wall", "-Wextra", "-Werror", "-include", os.path.join(HERE, "stub/assumed.h")]
LENIENT = ["-w", "-ftrack-macro-expansion=0", "-fmax-errors=0",
           "-fno-diagnostics-show-caret", "-I", os.path.join(HERE, "stub")]
DEBUG = ["-g", "-gdwarf-4", "-gno-column-info", "-fno-eliminate-unused-debug-types",
         "-fno-eliminate-unused-debug-symbols"]

View = namedtuple("View", "name flags tools old")
NEWEST = "-D__XEN_INTERFACE_VERSION__=0x00040e00"
VIEWS = [
    View("guest64", ["-m64", NEWEST], False, False),
    View("guest64-old", ["-m64"], False, True),
    View("tools64", ["-m64", "-D__XEN_TOOLS__"], True, False),
    View("hypervisor", ["-m64", "-D__XEN__", "-D__XEN_TOOLS__"], True, False),
    View("guest32", ["-m32", NEWEST], False, False),
    View("guest32-old", ["-m32"], False, True),
    View("tools32", ["-m32", "-D__XEN_TOOLS__"], True, False),
]

# Values go to a section of their own, where they are found without running anything.
TABLE = 'const long long abi_probe[] __attribute__((section(".abi"))) = '
ROW = "(long long)({0}),sizeof({0}),(__typeof__(({0})+0))-1<0,"

_MACRO = re.compile(r"#define (\w+)(\([^)]*\))?(?: (.*))?$")
_STRING = re.compile(r'^(?:\s*"(?:[^"\\]|\\.)*")+\s*$')
_ERROR_LINE = re.compile(r"^probe\.c:(\d+):(?:\d+:)? error:")


class CompilerError(Exception):
    """The compiler refuses the headers as such."""


def run(args, cwd):
    return subprocess.run(args, cwd=cwd, capture_output=True, text=True, check=False)


class Probe:
    """A set of headers seen from one point of view, examined in a scratch folder."""

    def __init__(self, root, headers, view, scratch):
        self.headers, self.dir = headers, scratch
        self.command = CC + CFLAGS + LENIENT + view.flags + ["-I", root]
        order = sorted(headers, key=lambda h: (h in AFTER, h))
        self.text = PRELUDE + "".join(f"#include <xen/{h}>\n" for h in order)

    def _write(self, body=""):
        with open(os.path.join(self.dir, "probe.c"), "w", encoding="ascii") as out:
            out.write(self.text + body)

    def _header(self, path):
        """Which of our headers a source path is, or None."""
        header = os.path.normpath(path).rpartition("/xen/")[2]
        return header if header in self.headers else None

    def macros(self):
        """{name: (header, parameters or None, body)} of what the headers leave defined."""
        self._write()
        done = run(self.command + ["-E", "-dD", "probe.c"], self.dir)
        if done.returncode:
            raise CompilerError(done.stderr)
        found, header = {}, None
        for line in done.stdout.splitlines():
            if line.startswith("# "):
                header = self._header(line.split('"')[1])
            elif line.startswith("#undef "):
                found.pop(line.split()[1], None)
            elif header and line.startswith("#define "):
                match = _MACRO.match(line)
                found[match[1]] = (header, match[2], match[3] or "")
        return found

    def texts(self, names):
        """Expansions of those macros that are string literals or single names."""
        self._write("".join(f"@{i}@ {name}\n" for i, name in enumerate(names)))
        done = run(self.command + ["-E", "-P", "probe.c"], self.dir)
        found = {}
        for line in done.stdout.splitlines():
            match = re.match(r"@ ?(\d+) ?@ (.*)", line)
            if match and _STRING.match(match[2]):
                text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match[2]))
                found[names[int(match[1])]] = f'"{text}"'
            elif match and re.fullmatch(r"[A-Za-z_]\w*", match[2]):
                found[names[int(match[1])]] = "the name " + match[2]
        return found

    def compile(self, expressions):
        """
        Compile the headers and all expressions that are integer constants; return
        ({expression: (value, size, signed)}, [(header, type name, {path: fact})]).
        """
        wanted = self._constants(list(expressions))
        self._write(TABLE + "{" + "".join(map(ROW.format, wanted)) + "};\n")
        done = run(self.command + DEBUG + ["-c", "probe.c", "-o", "probe.o"], self.dir)
        if done.returncode:
            raise CompilerError(done.stderr)
        return self._values(wanted), self._types()

    def _constants(self, expressions):
        """Those of the expressions that the compiler takes as initializers of integers."""
        while True:
            first = self.text.count("\n") + 1
            self._write("".join(f"const long long abi_{i} = (long long)({e});\n"
                                for i, e in enumerate(expressions)))
            done = run(self.command + ["-fsyntax-only", "probe.c"], self.dir)
            if done.returncode == 0:
                return expressions
            bad = {int(m[1]) - first for m in map(_ERROR_LINE.match, done.stderr.splitlines()) if m}
            left = [e for i, e in enumerate(expressions) if i not in bad]
            if len(left) == len(expressions):
                raise CompilerError(done.stderr)
            expressions = left

    def _values(self, expressions):
        if not expressions:
            return {}
        run(["objcopy", "-O", "binary", "-j", ".abi", "probe.o", "values.bin"], self.dir)
        with open(os.path.join(self.dir, "values.bin"), "rb") as data:
            words = memoryview(data.read()).cast("q")
        return {e: tuple(words[3 * i:3 * i + 3]) for i, e in enumerate(expressions)}

    def _types(self):
        types = dwarf.Types(os.path.join(self.dir, "probe.o"))
        found = ((self._header(path), name, facts) for name, path, facts in types.facts())
        return [entry for entry in found if entry[0]]


def sample_calls(macro, params):
    """Calls of a function-like macro with small numbers: some are integer constants."""
    if "..." in params:
        return
    count = len([p for p in params.strip("()").split(",") if p.strip()])
    for start in (1, 6, 0x1234):
        yield f"{macro}({', '.join(str(start + 7 * i) for i in range(count))})"


def examine(root, headers, view, scratch):
    """{header: {fact: value}} of all that the headers state."""
    probe = Probe(root, headers, view, scratch)
    facts = {header: {} for header in headers}
    macros = probe.macros()
    plain = [n for n, (_, params, body) in macros.items() if params is None and body]
    owner = {name: macros[name][0] for name in plain}
    for name, (header, params, _) in macros.items():
        shape = f"{params.count(',') + 1} parameters" if params else "no parameters"
        facts[header][f"macro {name}"] = shape
        if params:
            owner.update((call, header) for call in sample_calls(name, params))
    for name, text in probe.texts(plain).items():
        facts[owner[name]][f"text {name}"] = text
    values, types = probe.compile(owner)
    for expression, (value, size, signed) in values.items():
        kind = "signed" if signed else "unsigned"
        facts[owner[expression]][f"value {expression}"] = f"{value} ({kind}, {size} bytes)"
    for header, name, paths in types:
        facts[header].update((f"type {name}{path}", fact) for path, fact in paths.items())
    return facts


def differences(header, view, reference, ours):
    """Everything in the reference must be the same in ours; one line for each that is not."""
    for key, fact in reference.items():
        if ours.get(key) == fact:
            continue
        line = f"{key}: {ours.get(key, 'missing')}, should be {fact}"
        if not any(re.search(pattern, f"{header} {view.name} {line}") for pattern, _ in ALLOWED):
            yield line


def applies(header, view):
    """Whether the header means anything from that point of view."""
    if header in TOOLS_ONLY and not view.tools:
        return False
    if header in OLD_ONLY and not view.old:
        return False
    return header not in PARTS or PARTS[header] in view.flags


def alone(root, headers, view):
    """{header: error} of our headers that do not compile by themselves."""
    command = CC + CFLAGS + STRICT + view.flags + ["-I", root, "-fsyntax-only", "-x", "c"]
    if run(command + headers, os.path.join(root, "xen")).returncode == 0:
        return {}
    done = ((header, run(command + [header], os.path.join(root, "xen"))) for header in headers)
    return {header: result.stderr for header, result in done if result.returncode}


def check_view(args):
    """All tests of one view: [(name, number of facts, lines that say what is wrong)]."""
    reference_root, ours_root, headers, view = args
    headers = [header for header in headers if applies(header, view)]
    present = [h for h in headers if os.path.exists(os.path.join(ours_root, "xen", h))]
    broken = alone(ours_root, present, view)
    results = [(f"{h} {view.name} exists", 0, ["no such header"])
               for h in headers if h not in present]
    results += [(f"{h} {view.name} alone", 0, broken.get(h, "").splitlines()) for h in present]
    good = [h for h in present if h not in broken]
    with tempfile.TemporaryDirectory(prefix="abi-") as scratch:
        reference = examine(reference_root, good, view, scratch)
        ours = examine(ours_root, good, view, scratch)
    results += [(f"{h} {view.name}", len(reference[h]),
                 list(differences(h, view, reference[h], ours[h]))) for h in good]
    return results


def check_code(reference_root, ours_root):
    """The code in headers: a program that uses it must behave the same with both sets."""
    outputs = []
    with tempfile.TemporaryDirectory(prefix="abi-") as scratch:
        for root in (reference_root, ours_root):
            built = run(CC + ["-std=gnu11", "-w", NEWEST, "-I", root,
                              os.path.join(HERE, "rings.c"), "-o", "rings"], scratch)
            if built.returncode:
                return [("rings.c", 0, built.stderr.splitlines())]
            outputs.append(run(["./rings"], scratch).stdout.splitlines())
    wrong = [f"step {i}: {ours}, should be {reference}"
             for i, (reference, ours) in enumerate(zip(*outputs)) if reference != ours]
    if len(outputs[0]) != len(outputs[1]) or not outputs[0]:
        wrong.append(f"{len(outputs[1])} steps, should be {len(outputs[0])}")
    return [("rings.c", len(outputs[0]), wrong)]


def reference_headers(root):
    found = []
    for folder, _, files in os.walk(os.path.join(root, "xen")):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), os.path.join(root, "xen"))
            skipped = path.split(os.sep)[0] in SKIPPED_DIRS or path in SKIPPED_FILES
            if name.endswith(".h") and not skipped:
                found.append(path)
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0].strip())
    parser.add_argument("--reference", default="/usr/include", help="folder that has xen/")
    parser.add_argument("--verbose", action="store_true", help="name the tests that pass")
    options = parser.parse_args()
    headers = reference_headers(options.reference)
    if "xen.h" not in headers:
        sys.exit(f"{options.reference}/xen/xen.h not found: install libxen-dev")
    with tempfile.TemporaryDirectory(prefix="abi-") as scratch:
        os.symlink(OURS, os.path.join(scratch, "xen"))
        jobs = [(options.reference, scratch, headers, view) for view in VIEWS]
        with concurrent.futures.ProcessPoolExecutor() as pool:
            results = [result for view in pool.map(check_view, jobs) for result in view]
        results += check_code(options.reference, scratch)
    for name, count, lines in results:
        if lines or options.verbose:
            print(f"{'FAIL' if lines else 'ok'}   {name} ({count} facts)")
        for line in lines:
            print("       " + line)
    failed = sum(bool(lines) for _, _, lines in results)
    print(f"{sum(count for _, count, _ in results)} facts compared")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
