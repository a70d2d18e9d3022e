"""What a shipped scenario promises: scenario_check.py NAME REPORT DATABASE."""
import json
import sqlite3
import sys


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


def need(true, text):
    if not true:
        fail(text)


def udp_flows(report):
    """The plan's; with greetings and their answers the endpoints find each other from other ports."""
    return [flow for flow in report["flows"] if flow["proto"] == "udp" and 10000 <= flow["sport"] < 30000]


def source(report, name):
    return next(source for source in report["sources"] if source["name"] == name)


def check_exact(report):
    for name in ("sflow", "netflow", "ipfix"):
        need(source(report, name)["differing_flows"] == 0, f"{name}: {source(report, name)['finding']}")
    need(report["verdict"]["ok"], report["verdict"]["text"])


def check_quick(report):
    check_exact(report)


def check_mixed(report):
    need(len({(flow["proto"], ":" in (flow["src"] or "")) for flow in report["flows"]}) >= 4,
         "not TCP and UDP over IPv4 and IPv6")


def check_elephants_and_mice(report):
    sizes = sorted(flow["truth"]["packets"] for flow in udp_flows(report))
    need(len(sizes) == 2004, f"{len(sizes)} flows of UDP")
    need(sizes[-4] >= 10000 and sizes[-5] <= 8, "four elephants and mice only")
    need(sum(sizes[-4:]) > 0.8 * sum(sizes), "the elephants are not most of it")
    need(source(report, "sflow")["flows_seen"] < 0.5 * len(sizes), "sampling saw most mice")


def check_ddos(report):
    flood = [flow for flow in udp_flows(report) if flow["truth"]["packets"] == 5]
    need(len({flow["src"] for flow in flood}) == 5000, "not 5,000 sources")
    need(len({flow["dst"] for flow in flood}) == 1, "not one destination")


def check_voip(report):
    ways = {}
    for flow in udp_flows(report):
        ways[flow["src"]] = ways.get(flow["src"], 0) + 1
    need(sorted(ways.values()) == [40, 40], f"not forty flows each way: {ways}")


def check_microbursts(report):
    flows = [flow for flow in udp_flows(report) if flow["truth"]["packets"] > 10]
    need(len(flows) == 6, f"{len(flows)} flows")
    need(sorted({flow["truth"]["packets"] % 40 for flow in flows}) == [0], "not whole bursts")


def check_ipv6(report):
    need(not [flow for flow in udp_flows(report) if ":" not in flow["src"]], "UDP over IPv4")
    need(source(report, "netflow")["truth"]["flows"] <= 4, "NetFlow v5 sees flows of IPv4")


def check_impaired(report):
    check_exact(report)
    counts = {}
    for row in report["ledger"]:
        counts[row["stage"]] = counts.get(row["stage"], 0) + (row["packets"] or 0)
    lost = sum(count for stage, count in counts.items() if stage.endswith("impaired_loss"))
    copies = sum(count for stage, count in counts.items() if stage.endswith("impaired_duplicate"))
    traffic = report["traffic"]
    need(copies == traffic["udp_sent"] // 20, f"{copies} copies of {traffic['udp_sent']}")
    need(lost == (traffic["udp_sent"] + copies) // 10, f"{lost} lost of {traffic['udp_sent']} and {copies} copies")


def check_kept(name, database):
    """The scenario is in the session's settings, whole."""
    settings = sqlite3.connect(f"file:{database}?mode=ro", uri=True).execute(
        "SELECT settings FROM session ORDER BY id DESC LIMIT 1").fetchone()[0]
    scenario = json.loads(settings)["scenario"]
    need(scenario["name"] == name, f"the session's scenario is {scenario['name']}")
    need("\ntraffic:\n" in scenario["text"], "the session does not have the scenario's text")


def main():
    name, path, database = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    need(report["traffic"] is not None and report["traffic"]["failed"] == 0, f"traffic: {report['traffic']}")
    if name != "impaired":
        need(report["traffic"]["udp_lost"] == 0, f"lost in the lab: {report['traffic']}: {report['losses']}")
    globals()["check_" + name.replace("-", "_")](report)
    check_kept(name, database)


main()
