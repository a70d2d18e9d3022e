"""Checks of 'nsmon compare --format json' that a lab test asks for: check.py WHAT FILE [DATABASE]."""
import json
import sqlite3
import sys


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


def check_shape(report):
    """What the JSON promises to have, with numbers that are numbers."""
    for name in ("session", "truth", "sources", "flows", "ledger", "verdict"):
        if name not in report:
            fail(f"no '{name}'")
    for source in report["sources"]:
        for name in ("name", "protocol", "truth", "packets", "bytes", "packets_ci", "bytes_ci", "bias",
                     "weighted_error", "are", "coverage", "flows_seen", "flows_missed", "detection_ms",
                     "export_bytes", "export_datagrams", "lost_datagrams"):
            if name not in source:
                fail(f"source {source.get('name')} has no '{name}'")
    for flow in report["flows"]:
        if not isinstance(flow["truth"]["packets"], int) or not isinstance(flow["proto"], str):
            fail(f"flow {flow} has no number of packets or no protocol")


def is_ipv4(flow):
    return flow["src"] is not None and ":" not in flow["src"]


def check_exact(report):
    """At sampling 1 every source that can see a flow says exactly the truth."""
    counted = {}
    for flow in report["flows"]:
        truth = flow["truth"]
        for name, said in flow["sources"].items():
            if name == "netflow" and not is_ipv4(flow):
                if said is not None:
                    fail(f"netflow speaks of {flow}")
                continue
            if said is None or said["packets"] != truth["packets"] or said["bytes"] != truth["bytes"]:
                fail(f"{name} differs: {flow}")
            counted[name] = counted.get(name, 0) + 1
    print("flows equal to the truth:", counted)
    for name in ("sflow", "netflow", "ipfix"):
        if counted.get(name, 0) < 5:
            fail(f"only {counted.get(name, 0)} flows of {name}")
    if not report["verdict"]["ok"]:
        fail(report["verdict"]["text"])


def check_exact_by_sql(database):
    """The same without any code of nsmon's that compares: plain SQL on the file."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    truth = dict((flow, (packets, size)) for flow, packets, size in db.execute(
        "SELECT flow_id, sum(packets), sum(bytes) FROM truth WHERE direction = 1 GROUP BY flow_id"))
    ipv4 = {flow for (flow,) in db.execute("SELECT id FROM flow WHERE ethertype = 2048")}
    said = {
        "sflow": "SELECT flow_id, sum(sampling_rate), sum((frame_bytes - stripped) * sampling_rate) "
                 "FROM sflow_sample GROUP BY flow_id",
        "netflow": "SELECT flow_id, sum(packets), sum(bytes) FROM v_flow_record "
                   "WHERE exporter_protocol = 'netflow5' GROUP BY flow_id",
        "ipfix": "SELECT flow_id, sum(packets), sum(bytes) FROM v_flow_record "
                 "WHERE exporter_protocol = 'ipfix' AND direction = 0 GROUP BY flow_id",
    }
    for name, sql in said.items():
        got = dict((flow, (packets, size)) for flow, packets, size in db.execute(sql))
        want = {flow: value for flow, value in truth.items() if name != "netflow" or flow in ipv4}
        if got != want:
            different = {flow: (want.get(flow), got.get(flow)) for flow in want.keys() | got.keys()
                         if want.get(flow) != got.get(flow)}
            fail(f"{name} is not the truth: {different}")
        print(name, "equals the truth in", len(got), "flows")


def check_sampled(report):
    """At a rate above 1 every source is as good as sampling theory allows."""
    for source in report["sources"]:
        print(source["name"], json.dumps(source.get("agreement")), json.dumps(source.get("coverage_expected")),
              source["coverage"])
    if not report["verdict"]["ok"]:
        fail(report["verdict"]["text"])


def main():
    what, path = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        report = json.load(file, parse_constant=lambda word: fail(f"{word} in the JSON"))
    check_shape(report)
    if what == "exact":
        check_exact(report)
        check_exact_by_sql(sys.argv[3])
    elif what == "sampled":
        check_sampled(report)


main()
