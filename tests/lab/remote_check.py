#!/usr/bin/env python3
"""Holds results of 'nsmon send' or 'nsmon traffic --format json' against their schema, and against what a test knows.

Usage: remote_check.py SCHEMA FILE EXPRESSION...: each EXPRESSION is Python that must be true of 'r', the result, and
of 's', its streams or flows.  Exits with 0, 1, or 77 when there is no jsonschema.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("SKIP: needs python3-jsonschema")
    sys.exit(77)


def refuse(word):
    """json.load() takes NaN and Infinity, which are no JSON."""
    raise ValueError(f"{word} is no number")


def complaints(result, streams):
    """What of a result does not go together."""
    for stream in streams:
        known = stream["protocol"] == "udp" and stream["lost"] is not None
        if known and stream["sent_packets"] != stream["received_packets"] + stream["lost"]:
            yield f"sent is not unique plus lost: {stream}"
        rows = stream["tcp"]["intervals"] if stream["tcp"] and result["tcp_interval_seconds"] else None
        if rows is not None and sum(row["retransmitted"] for row in rows) != (stream["retransmitted"] or 0):
            yield f"the intervals do not sum to what was retransmitted: {stream}"
        if rows and (any(row["end"] <= row["start"] for row in rows) or
                     any(a["end"] != b["start"] for a, b in zip(rows, rows[1:]))):
            yield f"intervals do not follow each other: {rows}"
        delays = stream["owd_us"]
        if delays and not delays["min"] <= delays["p50"] <= delays["p90"] <= delays["p99"] <= delays["p999"] <= delays["max"]:
            yield f"delays are not in order: {delays}"
    again = sum(interval["tcp"]["retransmitted"] for interval in result.get("intervals", []) if interval["tcp"])
    if "sum" in result and again != (result["sum"]["retransmitted"] or 0):
        yield f"the intervals of all do not sum to what was retransmitted: {again}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        result = json.load(file, parse_constant=refuse)
    jsonschema.validate(result, schema)
    streams = result.get("streams", result.get("flows", []))
    for complaint in complaints(result, streams):
        print(complaint)
        return 1
    for expression in sys.argv[3:]:
        if not eval(expression, {"r": result, "s": streams}):  # the test's own words
            shown = {**result, "intervals": len(result.get("intervals", []))}
            if len(streams) > 20:
                shown = {key: value for key, value in shown.items() if key not in ("streams", "flows")}
            print(json.dumps(shown, indent=1))
            print("not so:", expression)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
