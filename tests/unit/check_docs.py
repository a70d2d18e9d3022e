#!/usr/bin/env python3
"""Holds the documents against the program: what they say of commands, options, tables and keys is so.

Usage: check_docs.py CASE --source DIR --man DIR --nsmon FILE.  Exits with 0, 1, or 77 when a tool is missing.
"""
import argparse
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
SKIPPED = 77


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def read(path):
    return path.read_text(encoding="utf-8")


def commands(nsmon):
    """The commands that 'nsmon --help' lists."""
    return re.findall(r"^  ([a-z]+)  +\S", run(nsmon, "--help")[1], re.M)


def help_options(nsmon, command):
    """What the help of 'command' names.  All take --help, which few name."""
    return set(OPTION.findall(run(nsmon, command, "--help")[1])) | {"help"}


def page_options(page):
    """The options that have an item of their own in the mdoc text 'page'."""
    items = re.findall(r"^\.It (Fl .*)$", page, re.M)
    return {name for item in items for name in re.findall(r"Fl Fl ([a-z][a-z-]*)", item)}


def blocks(text, language):
    """The fenced blocks of 'language' in the Markdown 'text'."""
    return re.findall(r"^```" + language + r"\n(.*?)^```$", text, re.M | re.S)


def check_commands(args):
    """Every command has a page, every page a command, and nsmon(1) refers to each."""
    wanted = {f"nsmon-{name}.1" for name in commands(args.nsmon)} | {"nsmon.1"}
    there = {path.name for path in args.man.glob("*.1")}
    overview = set(re.findall(r"^\.It Xr (nsmon-\w+) 1", read(args.man / "nsmon.1"), re.M))
    yield from (f"{name}: no such page" for name in sorted(wanted - there))
    yield from (f"{name}: no such command" for name in sorted(there - wanted))
    yield from (f"{name} is not in the table of nsmon(1)" for name in
                sorted({page[:-2] for page in wanted - {"nsmon.1"}} ^ overview))


def check_options(args):
    """--help and the page of a command name the same long options."""
    for command in commands(args.nsmon):
        helped = help_options(args.nsmon, command)
        paged = page_options(read(args.man / f"nsmon-{command}.1"))
        yield from (f"nsmon {command}: --{name} is in --help, not in the page" for name in sorted(helped - paged))
        yield from (f"nsmon {command}: --{name} is in the page, not in --help" for name in sorted(paged - helped))


def example_lines(args):
    """Lines with a call of nsmon, out of the literal blocks of all pages and documents."""
    for path in sorted(args.man.glob("*.[15]")):
        for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", read(path), re.M | re.S):
            yield from ((path.name, line) for line in block.splitlines())
    for path in sorted((args.source / "docs").glob("*.md")):
        for block in blocks(read(path), "(?:sh|console)"):
            yield from ((path.name, line) for line in block.splitlines())


def check_examples(args):
    """No example uses a command or an option that there is not."""
    known = {name: help_options(args.nsmon, name) for name in commands(args.nsmon)}
    seen = 0
    for name, line in example_lines(args):
        for call in re.split(r"\||&&|;", line.partition("#")[0]):
            match = re.match(r"^[$ ]*(?:sudo )?nsmon ([a-z]+)(.*)$", call)
            if match is None:
                continue
            seen += 1
            if match[1] not in known:
                yield f"{name}: there is no command '{match[1]}': {line}"
                continue
            for option in sorted(set(OPTION.findall(match[2])) - known[match[1]]):
                yield f"{name}: nsmon {match[1]} has no --{option}: {line}"
    if seen < 20:
        yield f"only {seen} examples found: are they still looked for in the right place?"


def check_lint(args):
    """The pages are good mdoc."""
    if shutil.which("mandoc"):
        argv = ["mandoc", "-T", "lint", "-W", "warning"]
    elif shutil.which("man"):
        argv = ["man", "--warnings", "-l"]
    else:
        print("SKIP: neither mandoc nor man is installed")
        sys.exit(SKIPPED)
    for path in sorted(args.man.glob("*.[15]")):
        status, out, err = run(*argv, str(path))
        complaints = out + err if argv[0] == "mandoc" else err
        if status != 0 or complaints:
            yield f"{path.name}: {complaints}"
        if "@" in re.sub(r"sflow@[\d.]+", "", read(path)):
            yield f"{path.name}: something was not put in by CMake"


def schema(args):
    database = sqlite3.connect(":memory:")
    database.executescript(read(args.source / "collector/store/schema.sql"))
    return database


def check_queries(args):
    """Every query of database.md runs on the schema, and its output has its columns."""
    database = schema(args)
    text = read(args.source / "docs/database.md")
    pairs = re.findall(r"^```sql\n(.*?)^```\n+```text\n(.*?)^```$", text, re.M | re.S)
    if len(pairs) < 6 or len(pairs) != len(blocks(text, "sql")):
        yield f"{len(pairs)} queries with an output were found, of {len(blocks(text, 'sql'))} queries"
    for query, output in pairs:
        try:
            columns = [column[0] for column in database.execute(query).description]
        except sqlite3.Error as error:
            yield f"{error}: {query}"
            continue
        if output.splitlines()[0].split() != columns:
            yield f"the output's columns are not {columns}: {query}"


def check_tables(args):
    """database.md describes every table and view, and none that there is not."""
    database = schema(args)
    wanted = {row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
                                                 " AND name NOT LIKE 'sqlite_%'")}
    described = set(re.findall(r"^\| `(\w+)`", read(args.source / "docs/database.md"), re.M))
    yield from (f"database.md does not describe {name}" for name in sorted(wanted - described))
    yield from (f"database.md describes {name}, which is not there" for name in sorted(described - wanted))


def check_rooms(args):
    """architecture.md has every room of CMake, and whom it may include."""
    rooms = {}
    for path in args.source.glob("*/**/CMakeLists.txt"):
        if path.relative_to(args.source).parts[0].startswith("build"):
            continue
        for body in re.findall(r"^nsmon_room\((.*?)\)", read(path), re.M | re.S):
            folder = body.split()[1]
            named = re.search(r"\bROOMS\b(.*?)(?:\bLIBRARIES\b|\Z)", body, re.S)
            rooms[folder] = set(named[1].split()) if named else set()
    text = read(args.source / "docs/architecture.md")
    table = text[text.index("| room |"):text.index("`cli` stands")]
    rows = {folder: set() if may == "–" else set(may.split(", "))
            for folder, may in re.findall(r"^\| `([\w/]+)` \|.*\| (.*) \|$", table, re.M)}
    for folder in sorted(rooms.keys() | rows.keys()):
        if rooms.get(folder) != rows.get(folder):
            yield f"{folder}: CMake says {rooms.get(folder)}, architecture.md {rows.get(folder)}"


def check_quotes(args):
    """What troubleshooting.md quotes between angle quotes stands in the sources, but for what is put in."""
    sources = "".join(read(path) for folder in ("cli", "collector", "common", "daemon", "reports", "scenario", "topo", "traffic")
                      for path in sorted((args.source / folder).rglob("*.c")))
    sources = re.sub(r'"\s*\n?\s*"', "", sources)
    quotes = re.findall(r"«(.*?)»", read(args.source / "docs/troubleshooting.md"), re.S)
    if len(quotes) < 10:
        yield f"only {len(quotes)} quotes found"
    for quote in quotes:
        for part in re.split(r"\s*…\s*", " ".join(quote.split())):
            if part not in sources:
                yield f"troubleshooting.md quotes '{part}', which the program does not say"


def check_links(args):
    """Documents refer to files that are there."""
    for path in sorted((args.source / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", read(path)):
            if not (path.parent / target).exists():
                yield f"{path.name}: {target} is not there"


def check_json(args):
    """status-json.md has every key that 'nsmon status' writes, and no other."""
    written = set(re.findall(r'json_object_set_new\(\s*json,\s*"(\w+)"', read(args.source / "daemon/status.c")))
    rows = re.findall(r"^\| (.*?) \|", read(args.source / "docs/status-json.md"), re.M)
    described = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    yield from (f"status-json.md lacks '{key}'" for key in sorted(written - described))
    yield from (f"status-json.md has '{key}', which is not written" for key in sorted(described - written))


def check_doctor(args):
    """doctor-json.md has every key and every check of 'nsmon doctor', and no other."""
    text = read(args.source / "docs/doctor-json.md")
    rows = re.findall(r"^\| (.*?) \|", text[:text.index("## The checks")], re.M)
    checks = re.findall(r"^\| (.*?) \|", text[text.index("## The checks"):], re.M)
    pairs = (("key", set(re.findall(r'json_object_set_new\(\w+,\s*"(\w+)"', read(args.source / "cli/cmd_doctor.c"))),
              {key for row in rows for key in re.findall(r"`(\w+)`", row)}),
             ("check", set(re.findall(r'\{"(\w+)", doctor_', read(args.source / "topo/doctor/doctor.c"))),
              {key for row in checks for key in re.findall(r"`(\w+)`", row)}))
    for kind, written, described in pairs:
        yield from (f"doctor-json.md lacks the {kind} '{name}'" for name in sorted(written - described))
        yield from (f"doctor-json.md has the {kind} '{name}', which there is not" for name in sorted(described - written))


def without_words(value):
    """A part of a schema, less what it says to people."""
    if isinstance(value, dict):
        return {key: without_words(part) for key, part in value.items() if key != "description"}
    return [without_words(part) for part in value] if isinstance(value, list) else value


def check_schemas(args):
    """What 'nsmon send' and 'nsmon traffic' print alike, their schemas describe alike: flows have all that streams have."""
    send, traffic = (without_words(json.loads(read(args.source / "docs" / f"{name}-json.schema.json")))
                     for name in ("send", "traffic"))
    mine, theirs = send["definitions"], traffic["definitions"]
    pairs = {"stream": (mine["stream"]["properties"], theirs["flow"]["properties"]),
             "interval": (send["properties"]["intervals"]["items"]["properties"], theirs["interval"]["properties"]),
             "part": ({name: send["properties"][name] for name in ("sum", "cpu", "stamps", "loss_burst_lengths")}, theirs),
             "definition": ({name: mine[name] for name in mine.keys() - {"stream"}}, theirs)}
    for kind, (ours, others) in pairs.items():
        for name in sorted(ours):
            # An object of six delays stands in two places of the second, and has a name there.
            same = others.get(name) == ours[name] or (name == "owd_us" and theirs["delays"] == ours[name])
            if not same:
                yield f"the {kind} '{name}' is another in traffic-json.schema.json than in send-json.schema.json"
    for kind, schema in (("stream", mine["stream"]), ("flow", theirs["flow"])):
        if set(schema["required"]) != set(schema["properties"]):
            yield f"of a {kind} not all is required"


CASES = {"commands": check_commands, "options": check_options, "examples": check_examples, "lint": check_lint,
         "queries": check_queries, "tables": check_tables, "rooms": check_rooms, "quotes": check_quotes,
         "links": check_links, "json": check_json, "schemas": check_schemas,
         "doctor": check_doctor}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--man", type=pathlib.Path, required=True)
    parser.add_argument("--nsmon", required=True)
    args = parser.parse_args()
    complaints = list(CASES[args.case](args))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
