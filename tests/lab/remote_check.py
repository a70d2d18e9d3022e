#!/usr/bin/env python3
"""Holds results of 'nsmon send --format json' against the schema, and against what a test knows.

Usage: remote_check.py SCHEMA FILE EXPRESSION...: each EXPRESSION is Python that must be true of 'r', the result, and
of 's', its streams.  Exits with 0, 1, or 77 when there is no jsonschema.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("SKIP: needs python3-jsonschema")
    sys.exit(77)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        result = json.load(file)
    jsonschema.validate(result, schema)
    streams = result["streams"]
    for stream in streams:
        known = stream["protocol"] == "udp" and stream["lost"] is not None
        if known and stream["sent_packets"] != stream["received_packets"] + stream["lost"]:
            print("sent is not unique plus lost:", stream)
            return 1
        if stream["tcp"] and result["tcp_interval_seconds"]:
            rows = stream["tcp"]["intervals"]
            if sum(row["retransmitted"] for row in rows) != (stream["retransmitted"] or 0):
                print("the intervals do not sum to what was retransmitted:", stream)
                return 1
            if any(row["end"] <= row["start"] for row in rows) or any(a["end"] != b["start"] for a, b in zip(rows, rows[1:])):
                print("intervals do not follow each other:", rows)
                return 1
        delays = stream["owd_us"]
        if delays and not delays["min"] <= delays["p50"] <= delays["p90"] <= delays["p99"] <= delays["p999"] <= delays["max"]:
            print("delays are not in order:", delays)
            return 1
    again = sum(interval["tcp"]["retransmitted"] for interval in result.get("intervals", []) if interval["tcp"])
    if "sum" in result and again != (result["sum"]["retransmitted"] or 0):
        print("the intervals of all do not sum to what was retransmitted:", again)
        return 1
    for expression in sys.argv[3:]:
        if not eval(expression, {"r": result, "s": streams}):  # the test's own words
            print(json.dumps({**result, "intervals": len(result.get("intervals", []))}, indent=1))
            print("not so:", expression)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
