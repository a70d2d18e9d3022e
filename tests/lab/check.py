"""Checks of 'nsmon compare --format json' that a lab test asks for: check.py exact FILE DATABASE, or
check.py sampled FILE..., which exits with AGAIN when another run has to tell chance from fault."""
import json
import sqlite3
import sys

AGAIN = 3


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


def check_exact_by_sql(database, direction=1):
    """The same without any code of nsmon's that compares: plain SQL on the file.  In a lab that delivers all it makes no
    difference whether what came out (1) or what went in (0) is the truth."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    truth = dict((flow, (packets, size)) for flow, packets, size in db.execute(
        "SELECT flow_id, sum(packets), sum(bytes) FROM truth WHERE direction = ? GROUP BY flow_id", (direction,)))
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


def check_delivery(report, database):
    """What rules dropped was taken in and not delivered; what was flooded was taken in once and came out more often."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    sums = [db.execute("SELECT sum(packets) FROM truth WHERE direction = ?", (way,)).fetchone()[0] for way in (0, 1)]
    dropped = db.execute("SELECT coalesce(sum(packets), 0) FROM stage WHERE stage = 'switch_in_rule_drop'").fetchone()[0]
    truth = report["truth"]
    print("taken in", sums[0], "came out", sums[1], "dropped", dropped, json.dumps({name: truth[name] for name in (
        "packets", "delivered_packets", "undelivered_packets", "copied_packets", "uncertain")}))
    if truth["packets"] != sums[0] or truth["uncertain"] or truth["partial"]:
        fail("the truth is not what left the taps")
    if truth["delivered_packets"] + truth["copied_packets"] != sums[1]:
        fail("what came out is not the delivered and the copies")
    if truth["undelivered_packets"] != dropped:
        fail(f"{truth['undelivered_packets']} packets were not delivered, and rules dropped {dropped}")
    if any(entry["rule"] != "offered" for entry in report["truth"]["entries"]):
        fail(f"not every port's truth is what was offered there: {report['truth']['entries']}")
    for loss in report["losses"]:
        if loss["unexplained"] != 0:
            fail(f"a loss that nobody explains: {loss}")
    return truth, dropped


def check_drop(report, database):
    """Rules drop one port's datagrams: no exporter is to blame, and all of them say so."""
    truth, dropped = check_delivery(report, database)
    whole = [flow for flow in report["flows"] if flow["truth"]["packets"] > 0 and flow["truth"]["delivered"] == 0]
    if dropped == 0 or not whole or any(flow["dport"] != 7703 or flow["proto"] != "udp" for flow in whole):
        fail(f"{dropped} packets dropped, of the flows {whole}")
    if sum(flow["truth"]["packets"] for flow in whole) != dropped or truth["copied_packets"] != 0:
        fail("the flows that were not delivered are not those that the rule dropped")
    if not any("dropped by rule" in loss["text"] for loss in report["losses"]):
        fail(f"no loss is said to be a rule's: {report['losses']}")


def check_three(report, database):
    """Three hosts: what is flooded comes out twice, and was taken in once."""
    truth, _ = check_delivery(report, database)
    if truth["copied_packets"] < 5 or len(report["truth"]["entries"]) != 3:
        fail(f"hardly anything was flooded to a third host: {truth}")
    totals = {row["stage"]: row["packets"] for row in report["ledger"] if row["direction"] == "switch"}
    if totals["switch_in"] != truth["packets"] or totals["switch_in_copied"] != truth["copied_packets"]:
        fail(f"the switch as a whole: {totals}")


def inside(value, bounds):
    return value is not None and bounds is not None and bounds[0] <= value <= bounds[1]


def strict_ranges(source):
    """The three ranges of 99 % in which a sampled source has to lie, by figures and not by the report's verdict."""
    agreement = source["agreement"]
    return {
        "sum of z^2": inside(agreement["chi_squared"], agreement["chi_squared_range"]),
        "sum of n": abs(agreement["samples_z"]) <= 3.0,
        "coverage": inside(source["coverage"], source["coverage_range"]),
    }


def check_sampled(reports):
    """At a rate above 1 every source is as good as sampling theory allows.

    Each range fails an honest source in one run of a hundred, by chance: with three ranges and two sources one run
    in seventeen, and ten honest runs about every other time.  So there are up to three runs, each with a seed of its
    own, and each range of each source has to hold in two of them: that fails by chance about once in 550 times.  The
    verdict, which allows one range to be missed by little, must be good in each run."""
    held = {}
    for number, report in enumerate(reports, 1):
        for source in report["sources"]:
            if (source["sampling_rate"] or 1) > 1:
                for name, holds in strict_ranges(source).items():
                    held.setdefault((source["name"], name), []).append(holds)
                print(number, source["name"], json.dumps(source["agreement"]), "coverage", source["coverage"],
                      "expected", source["expected_coverage"], source["coverage_range"])
        if not report["verdict"]["ok"]:
            fail(report["verdict"]["text"])
    if len(held) != 6:
        fail(f"not three ranges of two sampled sources: {sorted(held)}")
    for (source, name), runs in held.items():
        misses = runs.count(False)
        if misses > 1:
            fail(f"{source}: {name} is out of its 99 % range in {misses} of {len(runs)} runs")
        if misses == 1 and len(runs) < 3:
            print(f"{source}: {name} is out of its 99 % range: once in a hundred runs it is; run again")
            sys.exit(AGAIN)


def read(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file, parse_constant=lambda word: fail(f"{word} in the JSON"))
    check_shape(report)
    return report


def main():
    what, path = sys.argv[1:3]
    if what == "exact":
        check_exact(read(path))
        check_exact_by_sql(sys.argv[3])
    elif what in ("drop", "three"):
        report = read(path)
        check_exact(report)
        check_exact_by_sql(sys.argv[3], direction=0)
        {"drop": check_drop, "three": check_three}[what](report, sys.argv[3])
    elif what == "sampled":
        check_sampled([read(path) for path in sys.argv[2:]])


if __name__ == "__main__":
    main()
