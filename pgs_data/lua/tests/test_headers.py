"""A header that says something else than its script doesn't load."""

import pytest

from pgs_data.lua.checks import check_scripts, script_files
from pgs_data.lua.headers import ScriptHeaderError, read_header

GOOD = """\
-- take_units: Takes units from a counter when enough are left.
-- KEYS counter  units left
-- ARGV units    units wanted
-- ARGV by       who takes them
-- DERIVES taken:<by>  units taken by somebody
-- DERIVES :log:<by>   list of what was taken
-- REPLY TAKEN   the units are yours
-- REPLY SHORT   not enough left

-- Words in comments (unknown_name) and in texts don't count.
local function log(text, ...)
    redis.call("RPUSH", tag .. ":log:" .. by, text, ...)
end
local left = tonumber(redis.call("GET", counter) or 0)
if left < tonumber(units) then
    return { "SHORT", left }
end
local facts = { units = units, ["by whom"] = by, nested = { left = left } }
for name, fact in pairs(facts) do
    if name == "units" then log("took unknown_name", fact) end
end
redis.call("DECRBY", counter, facts.units)
redis.call("INCRBY", tag .. "taken:" .. by, units)
return "TAKEN"
"""


def test_good_header_is_read_in_its_order():
    header = read_header(GOOD, name="take_units")
    assert header.keys == ("counter",)
    assert header.args == ("units", "by")
    assert header.replies == ("TAKEN", "SHORT")
    assert header.derives == ("taken:<by>", ":log:<by>")
    assert "\n" not in header.prologue


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("-- take_units:", "-- take_unit:", "first line must be"),
        ("-- take_units: Takes", "--[[ take_units: Takes ]]", "first line must be"),
        ("-- KEYS counter  units left\n", "", "No `-- KEYS name`"),
        ("-- KEYS counter  units left\n", "-- KEYS counter  a\n-- KEYS spare  b\n", "`spare` is declared but not used"),
        ("-- ARGV by       who takes them\n", "", "`by` is used but not declared"),
        ("-- ARGV by       who takes them\n", "-- ARGV by  a\n-- ARGV by  b\n", "`by` is declared twice"),
        ("-- ARGV units    units wanted\n", "-- ARGV units  a\n-- ARGV extra  b\n", "`extra` is declared but not used"),
        ("-- ARGV units ", "-- ARGV table ", "`table` can't be a name"),
        ("-- ARGV units ", "-- ARGV tag ", "`tag` can't be a name"),
        ('redis.call("GET", counter)', 'redis.call("GET", KEYS[1])', "`KEYS` is used but not declared"),
        ("tonumber(units)", "tonumber(ARGV[1])", "`ARGV` is used but not declared"),
        ("left < tonumber", "lefft < tonumber", "`lefft` is used but not declared"),
        ("log(", "math.floor(1) logg(", "`logg` is used but not declared"),
        ("{ units = units", "{ units = unnits", "`unnits` is used but not declared"),
        ("local left = ", "left = ", "`left` is used but not declared"),
        ('return "TAKEN"', 'return "GIVEN"', "Reply GIVEN is given but not declared"),
        ('return { "SHORT", left }', "return left", "Reply SHORT is declared but never given"),
        ("-- REPLY TAKEN   the units are yours\n-- REPLY SHORT   not enough left\n", "", "No `-- REPLY word`"),
        ("-- DERIVES taken:<by>  units taken by somebody\n", "", 'tag .. "taken" but no `-- DERIVES'),
        ('tag .. "taken:"', 'tag .. "stolen:"', 'tag .. "stolen" but no `-- DERIVES'),
        ("-- DERIVES taken:<by>", "-- DERIVES Taken", "must be a pattern"),
        ("-- DERIVES :log:<by>   list of what was taken\n", "", 'tag .. ":log" but no'),
    ],
)
def test_header_and_body_that_disagree_are_refused(old: str, new: str, problem: str):
    assert old in GOOD
    with pytest.raises(ScriptHeaderError, match="take_units") as caught:
        read_header(GOOD.replace(old, new, 1), name="take_units")
    assert problem in str(caught.value)


def test_tag_without_derived_keys_is_not_there():
    source = (
        "-- look: Looks.\n-- KEYS place  where\n-- REPLY value  what is there\nreturn redis.call('GET', place .. tag)\n"
    )
    with pytest.raises(ScriptHeaderError, match="`tag` is used but not declared"):
        read_header(source, name="look")


def test_empty_file_is_refused():
    with pytest.raises(ScriptHeaderError, match="first line"):
        read_header("", name="look")


def test_every_script_of_the_project_passes_the_system_check():
    assert len(script_files()) >= 6
    assert check_scripts() == []


def test_system_check_names_a_bad_script(monkeypatch, tmp_path):
    (tmp_path / "lua").mkdir()
    bad = tmp_path / "lua" / "look.lua"
    bad.write_text("return 1\n")
    monkeypatch.setattr("pgs_data.lua.checks.script_files", lambda: [bad])
    (problem,) = check_scripts()
    assert (problem.id, problem.obj) == ("lua.E001", str(bad))
