"""Read the types of an object file from its debug information, as readelf prints it."""

import os
import re
import subprocess

_DIE = re.compile(r"^ *<(\d+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \(DW_TAG_(\w+)\))?")
_ATTR = re.compile(r"^ +<[0-9a-f]+> +DW_AT_(\w+) *: (.*)$")
# What newer and older readelf put before a value: "(data1) 4", "(strp) (offset: 0x1d): name".
_FORM = re.compile(r"^(?:\(\w+\) )?(?:\([^)]*offset: (?:0x)?[0-9a-f]+\): )?")
_ENCODINGS = {5: "int", 6: "char", 7: "uint", 8: "uchar"}
_AGGREGATES = ("structure_type", "union_type")


class Die:
    """One debugging information entry: a type, a member, an enumerator..."""

    def __init__(self, tag, offset):
        self.tag = tag
        self.offset = offset
        self.attrs = {}
        self.children = []

    @property
    def name(self):
        return self.attrs.get("name")

    def number(self, attr, default=None):
        text = self.attrs.get(attr)
        if text is None:
            return default
        return int(text.split()[0], 0)


def load(path):
    """
    Return ({offset: Die}, [top-level Die], {number: source file}) of an object that was compiled
    with -gdwarf-4.
    """
    out = subprocess.run(
        ["readelf", "--wide", "--debug-dump=info,rawline", path],
        check=True, capture_output=True, text=True).stdout
    info, lines = out.split("Raw dump of debug contents", 1)
    dies, tops, stack, last = {}, [], [], None
    for line in info.splitlines():
        match = _ATTR.match(line)
        if match:
            if last is not None:
                last.attrs[match[1]] = _FORM.sub("", match[2]).strip()
            continue
        match = _DIE.match(line)
        if not match:
            continue
        depth, offset, tag = int(match[1]), int(match[2], 16), match[4]
        if tag is None:
            last = None
            continue
        last = Die(tag, offset)
        dies[offset] = last
        del stack[depth:]
        if depth == 1:
            tops.append(last)
        elif depth > 1:
            stack[-1].children.append(last)
        stack.append(last)
    return dies, tops, _source_files(lines)


def _source_files(text):
    """{number: path} from the tables at the head of the line number program."""
    folders, files, table = {}, {}, None
    for line in text.splitlines():
        if "Directory Table" in line:
            table = folders
        elif "File Name Table" in line:
            table = files
        elif table is not None:
            cells = line.split()
            if cells and cells[0].isdigit():
                table[int(cells[0])] = cells[1:]
    return {number: os.path.normpath(os.path.join(folders.get(int(cells[0]), ["."])[-1], cells[-1]))
            for number, cells in files.items()}


class Types:
    """Describes every named type of an object as a mapping from a path to a fact."""

    def __init__(self, path):
        self.dies, self.tops, self.files = load(path)

    def _source(self, die):
        return self.files.get(die.number("decl_file", 0), "")

    def _target(self, die):
        text = die.attrs.get("type")
        if text is None:
            return None
        return self.dies[int(re.search(r"<0x([0-9a-f]+)>", text)[1], 16)]

    def _strip(self, die):
        while die is not None and die.tag in ("typedef", "const_type", "volatile_type"):
            die = self._target(die)
        return die

    def spell(self, die):
        """A type as seen from outside: kind and size of what it is in the end."""
        die = self._strip(die)
        if die is None:
            return "void"
        if die.tag == "base_type":
            kind = _ENCODINGS.get(die.number("encoding"), "other")
            return f"{kind}{die.number('byte_size')}"
        if die.tag == "pointer_type":
            inner = self._target(die)
            const = "const " if inner is not None and inner.tag == "const_type" else ""
            return f"{const}{self.spell(inner)} *"
        if die.tag == "array_type":
            dims = "".join(f"[{self._extent(sub)}]" for sub in die.children)
            return self.spell(self._target(die)) + dims
        if die.tag == "subroutine_type":
            return "function"
        kind = die.tag.replace("_type", "")
        return f"{kind} {die.name or '?'}:{die.number('byte_size', 0)}"

    @staticmethod
    def _extent(sub):
        count = sub.number("count")
        if count is not None:
            return count
        upper = sub.attrs.get("upper_bound")
        if upper is None:
            return ""
        bound = sub.number("upper_bound")
        return "" if bound >= 1 << 31 else bound + 1

    def _members(self, die, prefix, base, facts):
        """Add the members of an aggregate, those of anonymous and nested types too."""
        for member in die.children:
            if member.tag != "member":
                continue
            offset = base + member.number("data_member_location", 0)
            bits = ""
            if "bit_size" in member.attrs:  # DWARF 4 counts from the top of the storage unit
                width = member.number("bit_size")
                unit = member.number("byte_size", 0) * 8
                start = offset * 8 + unit - member.number("bit_offset", 0) - width
                bits = f" bits {start}+{width}"
            target = self._strip(self._target(member))
            aggregate = target.tag in _AGGREGATES
            if member.name is None:
                self._members(target, prefix, offset, facts)
                continue
            path = f"{prefix}{member.name}"
            shape = target.tag if aggregate else self.spell(target)
            size = target.number("byte_size", 0) if aggregate else ""
            facts[path] = f"{bits.strip() or f'@{offset}'} {shape} {size}".rstrip()
            element = target
            if target.tag == "array_type":
                element = self._strip(self._target(target))
            if element.tag in _AGGREGATES:
                self._members(element, path + ".", offset, facts)

    def _describe(self, die):
        """{path: fact}; the empty path stands for the type itself."""
        facts = {}
        if die.tag in _AGGREGATES:
            facts[""] = f"{die.tag} size {die.number('byte_size', 0)}"
            if "alignment" in die.attrs:
                facts[""] += f" align {die.number('alignment')}"
            self._members(die, ".", 0, facts)
        elif die.tag == "enumeration_type":
            facts[""] = f"enum size {die.number('byte_size')}"
        else:
            facts[""] = self.spell(die)
        return facts

    def facts(self):
        """Yield (name, source file, {path: fact}); tags appear as "struct x", "enum x"."""
        for die in self.tops:
            if die.tag == "typedef":
                target = self._strip(die)
                yield die.name, self._source(die), self._describe(target) if target else {}
            elif die.tag == "enumeration_type":
                yield from self._enumeration(die)
            elif die.tag in _AGGREGATES:
                yield from self._aggregate(die)

    def _enumeration(self, die):
        if die.name:
            yield f"enum {die.name}", self._source(die), self._describe(die)
        for item in die.children:
            if item.tag == "enumerator":
                yield item.name, self._source(die), {"": f"= {item.number('const_value')}"}

    def _aggregate(self, die):
        """A tag, and those declared inside it, which C makes visible outside too."""
        if die.name and "declaration" not in die.attrs:
            kind = die.tag.removesuffix("_type").replace("structure", "struct")
            yield f"{kind} {die.name}", self._source(die), self._describe(die)
        for child in die.children:
            if child.tag in _AGGREGATES:
                yield from self._aggregate(child)
