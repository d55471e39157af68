"""Loads a Lua script whose header names its keys and arguments, and calls it by those names.

    -- reserve_units: Takes units from a counter when enough are left.
    -- KEYS counter  integer, units left
    -- ARGV units    units wanted
    -- DERIVES :log:<id>  keys with the declared keys' hash tag which the body builds itself: tag .. ":log:" .. id
    -- REPLY TAKEN   the units are yours
    -- REPLY SHORT   not enough left; nothing changed

A line `-- INCLUDE name` of the body stands for the file parts/name.lua beside the script, which shares its names: so a
long script is several files, and one for the server.

The body says `counter` and `units`, never KEYS[1]; `tag` is there when a DERIVES line is, with the colon that follows
the tag in the first key, if any. Ids travel as strings: Lua's numbers are exact up to 2^53 only.
"""

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import redis
from redis.exceptions import NoScriptError

from pgs_data.lua.headers import Header, ScriptHeaderError, read_header

# Printable ASCII without space; at most one {tag}. What came from outside can't smuggle a second tag into a key.
KEY_PATTERN = re.compile(r"[!-z|~]*(?:\{([!-z|~]+)\}[!-z|~]*)?")

INCLUDE = re.compile(r"^-- INCLUDE ([a-z][a-z0-9_]*)$", re.MULTILINE)

# EVALSHA, the script's digest, the number of keys, the keys, the arguments: as a connection sends it.
Command = tuple[str | bytes | int, ...]

# Digest → source of every script that a command was made of.
_sources: dict[str | bytes | int, str] = {}


def run_command(client: redis.Redis, command: Command) -> Any:
    """Sends a command made by Script.command and returns Redis' raw reply."""
    try:
        return client.execute_command(*command)
    except NoScriptError:
        # A restart, a failover or SCRIPT FLUSH: nothing ran. EVAL runs the script and caches it in one step.
        return client.execute_command(*with_source(command))


def with_source(command: Command) -> Command:
    """The same call with the whole script, for a server that answered NOSCRIPT; it has the script afterwards."""
    _name, sha, *rest = command
    return ("EVAL", _sources[sha], *rest)


class Script:
    """One Lua file: checked when loaded, called by names, sent again when the server has forgotten it."""

    def __init__(self, *, source: str, name: str) -> None:
        self.header: Header = read_header(source, name=name)
        self.name = name
        self.source = self.header.prologue + source
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        _sources[self.sha] = self.source

    @classmethod
    def load(cls, package_or_path: str | Path, name: str) -> Self:
        """The script `lua/<name>.lua` of a package ("pgs_data") or of a folder; raises ScriptHeaderError."""
        path = _folder_of(package_or_path) / "lua" / f"{name}.lua"
        if not path.is_file():
            raise ScriptHeaderError(f"There is no script {path}.")
        return cls(source=_with_parts(path), name=name)

    def __call__(
        self, client: redis.Redis, *, keys: Mapping[str, str], args: Mapping[str, str | bytes | int] | None = None
    ) -> Any:
        """Runs the script and returns Redis' raw reply; TypeError or ValueError for wrong names, values or tags."""
        return run_command(client, self.command(keys=keys, args=args))

    def command(self, *, keys: Mapping[str, str], args: Mapping[str, str | bytes | int] | None = None) -> Command:
        """The call as a command for any connection; with_source makes the one to send after NOSCRIPT. Raises as above.

        With a cluster, whoever sends it finds the node by the first key: all keys share one hash tag.
        """
        return ("EVALSHA", self.sha, len(keys), *self._keys(keys), *self._args(args or {}))

    def _keys(self, keys: Mapping[str, str]) -> list[str]:
        _check_names(self.name, "keys", self.header.keys, keys)
        values = [keys[name] for name in self.header.keys]
        tags = set()
        for value in values:
            match = KEY_PATTERN.fullmatch(value)
            if not value or match is None:
                raise ValueError(f"{self.name}: {value!r} is no Redis key: printable ASCII with at most one {{tag}}.")
            tags.add(match[1])
        if len(tags) > 1 or (tags == {None} and (len(values) > 1 or self.header.derives)):
            raise ValueError(f"{self.name}: the keys of a call must share one hash tag, got {values}.")
        return values

    def _args(self, args: Mapping[str, str | bytes | int]) -> list[str | bytes | int]:
        _check_names(self.name, "args", self.header.args, args)
        values = [args[name] for name in self.header.args]
        for name, value in zip(self.header.args, values, strict=True):
            if not isinstance(value, str | bytes | int) or isinstance(value, bool):
                raise TypeError(f"{self.name}: argument {name} must be str, bytes or int, not {type(value).__name__}.")
        return values


def _folder_of(package_or_path: str | Path) -> Path:
    if isinstance(package_or_path, Path):
        return package_or_path
    spec = importlib.util.find_spec(package_or_path)
    if spec is None or not spec.submodule_search_locations:
        raise ScriptHeaderError(f"{package_or_path} is no package whose lua/ folder could hold scripts.")
    return Path(spec.submodule_search_locations[0])


def _with_parts(path: Path) -> str:
    def read_part(match: re.Match[str]) -> str:
        part = path.parent / "parts" / f"{match[1]}.lua"
        if not part.is_file():
            raise ScriptHeaderError(f"{path.stem}: there is no part {part}.")
        return part.read_text(encoding="utf-8").rstrip("\n")

    return INCLUDE.sub(read_part, path.read_text(encoding="utf-8"))


def _check_names(script: str, kind: str, declared: tuple[str, ...], given: Mapping[str, object]) -> None:
    if given.keys() != set(declared):
        missing, unknown = sorted(set(declared) - given.keys()), sorted(given.keys() - set(declared))
        raise TypeError(f"{script}: {kind} missing: {missing}, not declared in its header: {unknown}.")
