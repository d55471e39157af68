"""Reads a script's header and checks it against the body, so that neither can drift from the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9_]*")
FIRST_LINE = re.compile(r"-- ([a-z][a-z0-9_]*): (\S.*)")
LATER_LINE = re.compile(r"-- (KEYS|ARGV|REPLY|DERIVES)\s+(\S+)(?:\s+(.*))?")
TOKEN = re.compile(
    r"(?P<blank>\s+|--\[(?P<level>=*)\[.*?\](?P=level)\]|--[^\n]*)"
    r"|(?P<text>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\[(?P<level2>=*)\[.*?\](?P=level2)\])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?)"
    r"|(?P<sign>\.\.\.|\.\.|==|~=|<=|>=|.)",
    re.DOTALL,
)
KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "and break do else elseif end false for function if in local nil not or repeat return then true until while",
    )
)
# What Redis 7.0 and Valkey 9 both offer to a script; KEYS and ARGV are missing on purpose: a body uses names.
GLOBALS = frozenset(
    re.findall(
        r"\w+",
        "redis cjson cmsgpack bit struct string table math tonumber tostring type pairs ipairs next unpack select error"
        " pcall assert",
    )
)


class ScriptHeaderError(Exception):
    """A Lua script's header is missing, malformed, or says something else than its body."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a script's header declares, in its order; `prologue` gives the body those names."""

    keys: tuple[str, ...]
    args: tuple[str, ...]
    replies: tuple[str, ...]
    derives: tuple[str, ...]

    @property
    def prologue(self) -> str:
        """Lua that binds the names; without a line end, so that the server's line numbers are the file's."""
        names = [f"local {name} = KEYS[{place}] " for place, name in enumerate(self.keys, start=1)]
        names += [f"local {name} = ARGV[{place}] " for place, name in enumerate(self.args, start=1)]
        if self.derives:
            names.append('local tag = string.match(KEYS[1], "%b{}:?") ')
        return "".join(names)


def read_header(source: str, *, name: str) -> Header:
    """The header of a script; raises ScriptHeaderError when it and the body don't agree."""
    lines = source.splitlines()
    first = FIRST_LINE.fullmatch(lines[0]) if lines else None
    if first is None or first[1] != name:
        raise ScriptHeaderError(f"{name}: the first line must be `-- {name}: one sentence`.")
    declared: dict[str, list[str]] = {"KEYS": [], "ARGV": [], "REPLY": [], "DERIVES": []}
    for line in lines[1:]:
        match = LATER_LINE.fullmatch(line)
        if match is not None:
            declared[match[1]].append(match[2])
        elif not line.startswith("--"):
            break
    header = Header(
        keys=tuple(declared["KEYS"]),
        args=tuple(declared["ARGV"]),
        replies=tuple(declared["REPLY"]),
        derives=tuple(declared["DERIVES"]),
    )
    problems = [*_problems_of_header(header), *_problems_of_body(header, _tokens(source))]
    if problems:
        raise ScriptHeaderError(f"{name}: " + " ".join(problems))
    return header


def _problems_of_header(header: Header) -> Iterator[str]:
    names = (*header.keys, *header.args)
    for name in names:
        if not NAME.fullmatch(name) or name in KEYWORDS | GLOBALS | {"tag"}:
            yield f"`{name}` can't be a name in Lua here."
        if names.count(name) > 1:
            yield f"`{name}` is declared twice."
    if not header.keys:
        yield "No `-- KEYS name` line: without a key Redis Cluster can't tell where to run it."
    if not header.replies:
        yield "No `-- REPLY word` line."
    for pattern in header.derives:
        if not re.fullmatch(r":?[a-z][a-z0-9_]*(:.*)?", pattern):
            yield f"`-- DERIVES {pattern}` must be a pattern such as `:stock:<id>`, as it follows the tag."


def _problems_of_body(header: Header, tokens: list[tuple[str, str]]) -> Iterator[str]:
    used, assigned = _names_in(tokens)
    for name in (*header.keys, *header.args):
        if name not in used:
            yield f"`{name}` is declared but not used."
    derived = {"tag"} if header.derives else set()
    for name in sorted(used - assigned - GLOBALS - derived - {*header.keys, *header.args}):
        hint = " Use the header's names." if name in {"KEYS", "ARGV"} else ""
        yield f"`{name}` is used but not declared.{hint}"

    texts = {value for kind, value in tokens if kind == "text"}
    for word in header.replies:
        if word.isupper() and word not in texts:
            yield f"Reply {word} is declared but never given."
    for word in sorted(_words_returned(tokens) - set(header.replies)):
        yield f"Reply {word} is given but not declared."

    prefixes = _prefixes_after_tag(tokens)
    declared = {_prefix(pattern) for pattern in header.derives}
    for prefix in sorted(prefixes - declared):
        yield f'A key is built from tag .. "{prefix}" but no `-- DERIVES {prefix}…` declares it.'
    for prefix in sorted(declared - prefixes):
        yield f'`-- DERIVES {prefix}…` is declared but tag .. "{prefix}" is not in the body.'


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens = []
    for match in TOKEN.finditer(source):
        kind = str(match.lastgroup)
        if kind != "blank":
            tokens.append((kind, match[kind].strip("\"'") if kind == "text" else match[kind]))
    return tokens


def _names_in(tokens: list[tuple[str, str]]) -> tuple[set[str], set[str]]:
    """Names that the body reads, and those which it declares itself by local, for or function; scopes don't count."""
    used: set[str] = set()
    assigned: set[str] = set()
    declaring = False
    depth = 0
    padded = [("", ""), *tokens, ("", "")]
    for (_, before), (kind, value), (_, after) in zip(padded, padded[1:], padded[2:], strict=False):
        if kind == "name" and value in {"local", "for", "function"}:
            declaring = True
        elif kind == "name" and value not in KEYWORDS:
            declaring = declaring and before in {"local", "for", "function", ",", "("}
            is_table_key = depth > 0 and before in {"{", ",", ";"} and after == "="
            if declaring:
                assigned.add(value)
            elif before not in {".", ":"} and not is_table_key:
                used.add(value)
        elif value not in {",", "(", "..."}:
            # `in`, `=`, `)` or the next statement ends a list of new names.
            declaring = False
        if kind == "sign" and value in {"{", "}"}:
            depth += 1 if value == "{" else -1
    return used, assigned


def _words_returned(tokens: list[tuple[str, str]]) -> set[str]:
    words = set()
    for place, (kind, value) in enumerate(tokens):
        if (kind, value) == ("name", "return"):
            following = tokens[place + 1 : place + 3]
            if following and following[0] == ("sign", "{"):
                following = following[1:]
            if following and following[0][0] == "text" and following[0][1].isupper():
                words.add(following[0][1])
    return words


def _prefixes_after_tag(tokens: list[tuple[str, str]]) -> set[str]:
    triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return {
        _prefix(text)
        for (_, name), (_, sign), (kind, text) in triples
        if name == "tag" and sign == ".." and kind == "text"
    }


def _prefix(pattern: str) -> str:
    """The constant start of a key behind its tag: ":stock:<id>" and ":stock:" give ":stock"."""
    start = re.match(r":?[^:<]*", pattern)
    return start[0] if start else ""
