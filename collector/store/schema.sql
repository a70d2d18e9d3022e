-- The database of nsmon, version 3.  This file is the reference: every table and view may be read by anyone.
--
-- Times are integer nanoseconds since the epoch.  Bytes are as the exporter said them; the byte layer stands beside
-- them.  NULL means "not said" or "can't be seen", never zero.  Addresses are blobs of 4, 6 (MAC) or 16 bytes; the
-- flow table and the views have them as text beside.

-- A stretch of measuring: a lab from start to stop, a bridge from attach to detach, an import, or a collector's run.
CREATE TABLE session (
    id              INTEGER PRIMARY KEY,
    label           TEXT UNIQUE,          -- a name the user gave
    kind            TEXT NOT NULL,        -- lab, attach, import, collect
    state           TEXT NOT NULL,        -- running, stopped, failed
    prefix          TEXT,                 -- the lab's name prefix, or the collector's name
    started_ns      INTEGER NOT NULL,
    stopped_ns      INTEGER,
    window_start_ns INTEGER,              -- the measurement window: all sources run from here ...
    window_end_ns   INTEGER,              -- ... to here, when traffic has ended and caches are flushed
    truth_rule      TEXT NOT NULL,        -- what to take for the truth where nobody counted what the switch took in:
                                          -- delivered: what the other tap received; offered: what left its tap
    settings        TEXT NOT NULL         -- JSON: what the session was told to do
);

-- One stream of exports: a protocol, an agent, a domain or sub-agent, a transport.
CREATE TABLE exporter (
    id               INTEGER PRIMARY KEY,
    session_id       INTEGER NOT NULL REFERENCES session(id),
    protocol         TEXT NOT NULL,       -- sflow5, netflow1, netflow5, netflow7, netflow9, ipfix, ipfix-flow (of OpenFlow rules)
    agent            BLOB,                -- sFlow agent address, else the source address of the datagrams
    domain           INTEGER NOT NULL,    -- sFlow sub-agent, NetFlow engine or source id, IPFIX observation domain
    transport        TEXT NOT NULL,       -- udp/SOURCE:PORT>DESTINATION:PORT
    dialect          TEXT NOT NULL,       -- generic, openvswitch
    dialect_evidence TEXT,                -- how the dialect was recognised, for people
    dialect_override INTEGER NOT NULL,    -- 1 if the user set it
    byte_layer       TEXT NOT NULL,       -- l2: frames without FCS; l2fcs: with it; l3: IP packets
    sampling_rate    INTEGER,             -- the configured or learnt 1-in-N; NULL when unknown
    sampling_source  TEXT NOT NULL,       -- record, options, config, none
    scaled           INTEGER NOT NULL,    -- 1 if counts arrive already multiplied by the rate
    first_ns         INTEGER NOT NULL,
    last_ns          INTEGER NOT NULL
);

-- Interfaces by name: ifIndex and OpenFlow port are two keys of one interface.
CREATE TABLE interface (
    session_id INTEGER NOT NULL REFERENCES session(id),
    name       TEXT NOT NULL,
    ifindex    INTEGER,
    of_port    INTEGER,
    datapath   INTEGER,                   -- OpenFlow datapath id
    PRIMARY KEY (session_id, name)
);

-- The flow key, once for every source.  ICMP: sport 0, dport type * 256 + code.  Not IP: by EtherType alone.
CREATE TABLE flow (
    id        INTEGER PRIMARY KEY,
    ethertype INTEGER NOT NULL,
    protocol  INTEGER NOT NULL,
    src       BLOB NOT NULL,              -- 4 or 16 bytes; empty when not IP
    dst       BLOB NOT NULL,
    sport     INTEGER NOT NULL,
    dport     INTEGER NOT NULL,
    proto     TEXT NOT NULL,              -- tcp, udp, icmp, icmp6, sctp, a number, arp, lldp, llc or 0x...
    src_text  TEXT,                       -- the addresses for people; NULL when not IP
    dst_text  TEXT,
    UNIQUE (ethertype, protocol, src, dst, sport, dport)
);

-- A packet that an sFlow agent sampled.
CREATE TABLE sflow_sample (
    id            INTEGER PRIMARY KEY,
    session_id    INTEGER NOT NULL,
    exporter_id   INTEGER NOT NULL,
    recv_ns       INTEGER NOT NULL,
    flow_id       INTEGER,                -- NULL: the header could not be read
    sequence      INTEGER NOT NULL,
    source_id     INTEGER NOT NULL,       -- type * 2^32 + index
    sampling_rate INTEGER NOT NULL,
    sample_pool   INTEGER NOT NULL,
    drops         INTEGER NOT NULL,
    input_kind    INTEGER,                -- 0 ifIndex, 1 discarded with reason, 2 multiple
    input         INTEGER,
    output_kind   INTEGER,
    output        INTEGER,
    frame_bytes   INTEGER,                -- frame_length of the raw header record
    stripped      INTEGER,                -- bytes removed before sampling, FCS included
    header_bytes  INTEGER,                -- how much of the frame was sent
    vlan          INTEGER,
    tos           INTEGER,
    ttl           INTEGER,
    tcp_flags     INTEGER,
    src_mac       BLOB,
    dst_mac       BLOB,
    discarded     INTEGER NOT NULL DEFAULT 0, -- 1: not a sample, but the notice of a packet that was discarded
    tunnel        TEXT,                   -- what the packet is wrapped in: gre, vxlan, geneve, ipip, mpls, pppoe
    inner_flow_id INTEGER,                -- the flow inside of that, as far as the header shows it
    extra         TEXT                    -- JSON of the other flow records (extended gateway, tunnels ...)
);
CREATE INDEX sflow_sample_by_session ON sflow_sample (session_id, flow_id);

-- A flow record of NetFlow or IPFIX, counts as they stand on the wire.
CREATE TABLE flow_record (
    id            INTEGER PRIMARY KEY,
    session_id    INTEGER NOT NULL,
    exporter_id   INTEGER NOT NULL,
    recv_ns       INTEGER NOT NULL,
    flow_id       INTEGER,
    packets       INTEGER,
    bytes         INTEGER,                -- of the exporter's byte layer
    l3_bytes      INTEGER,                -- octetDeltaCount, where a layer-2 count came beside it
    direction     INTEGER,                -- 0 ingress, 1 egress (flowDirection, IE 61)
    start_ns      INTEGER,                -- the exporter's own times
    end_ns        INTEGER,
    input         INTEGER,
    output        INTEGER,
    sampling_rate INTEGER,                -- NULL: none said
    rate_source   INTEGER NOT NULL,       -- 0 none, 1 record, 2 options, 3 configuration
    scaled        INTEGER NOT NULL,
    template_id   INTEGER,
    vlan          INTEGER,
    tos           INTEGER,
    ttl           INTEGER,
    tcp_flags     INTEGER,
    end_reason    INTEGER,
    src_mac       BLOB,
    dst_mac       BLOB,
    src_as        INTEGER,
    dst_as        INTEGER,
    next_hop      BLOB,
    extra         TEXT                    -- JSON of elements that have no column
);
CREATE INDEX flow_record_by_session ON flow_record (session_id, flow_id);

-- Interface counters that an sFlow agent polled.
CREATE TABLE counter_sample (
    id                INTEGER PRIMARY KEY,
    session_id        INTEGER NOT NULL,
    exporter_id       INTEGER NOT NULL,
    recv_ns           INTEGER NOT NULL,
    sequence          INTEGER NOT NULL,
    source_id         INTEGER NOT NULL,
    ifindex           INTEGER,
    if_name           TEXT,
    of_port           INTEGER,
    datapath          INTEGER,
    if_speed          INTEGER,
    if_status         INTEGER,
    in_octets         INTEGER,
    in_unicast        INTEGER,
    in_multicast      INTEGER,
    in_broadcast      INTEGER,
    in_discards       INTEGER,
    in_errors         INTEGER,
    out_octets        INTEGER,
    out_unicast       INTEGER,
    out_multicast     INTEGER,
    out_broadcast     INTEGER,
    out_discards      INTEGER,
    out_errors        INTEGER,
    extra             TEXT                -- JSON of the other counter records
);
CREATE INDEX counter_sample_by_session ON counter_sample (session_id, ifindex);

-- A place where libpcap saw frames.
CREATE TABLE capture (
    id           INTEGER PRIMARY KEY,
    session_id   INTEGER NOT NULL REFERENCES session(id),
    name         TEXT NOT NULL,           -- the interface, or the file it was read from
    role         TEXT NOT NULL,           -- station: a tap; port: a bridge port
    mac          BLOB,
    station      INTEGER,                 -- 1 for tap1, 2 for tap2 ...; of a port, the station behind it
    received     INTEGER NOT NULL,        -- pcap_stats: frames the filter let through
    dropped      INTEGER NOT NULL,        -- frames lost for want of buffer: the truth is incomplete
    if_dropped   INTEGER NOT NULL,
    processed    INTEGER NOT NULL,        -- frames metered
    overflow     INTEGER NOT NULL,        -- frames whose flow found no room in the flow table
    malformed    INTEGER NOT NULL
);

-- What was really there: per capture, direction, flow and second.
CREATE TABLE truth (
    session_id INTEGER NOT NULL,
    capture_id INTEGER NOT NULL,
    direction  INTEGER NOT NULL,          -- 0: towards the switch, out of the station or in at the port; 1: away from it
    flow_id    INTEGER NOT NULL,
    bucket_ns  INTEGER NOT NULL,          -- the second's beginning
    packets    INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,          -- layer 2 without FCS
    square_sum REAL NOT NULL,             -- of the frame sizes
    first_ns   INTEGER NOT NULL,
    last_ns    INTEGER NOT NULL
);
CREATE INDEX truth_by_session ON truth (session_id, flow_id);

-- Counts of whole stages, kept by someone else than an exporter: the ledger.
CREATE TABLE stage (
    session_id INTEGER NOT NULL,
    stage      TEXT NOT NULL,             -- sent, tap_out, switch_in, switch_rule, switch_out, tap_in, received; *_drop,
                                          -- *_impaired_loss ...: dropped, or done on purpose, behind that stage
    direction  TEXT NOT NULL,             -- ns1>ns2, or ns1>switch and switch>ns2, or switch for what has none
    packets    INTEGER,
    bytes      INTEGER,
    source     TEXT NOT NULL,             -- who counted
    PRIMARY KEY (session_id, stage, direction, source)
);

-- A run of nsmon's own endpoints.
CREATE TABLE traffic_run (
    id          INTEGER PRIMARY KEY,
    session_id  INTEGER NOT NULL,
    profile     TEXT NOT NULL,
    seed        INTEGER NOT NULL,
    started_ns  INTEGER NOT NULL,
    ended_ns    INTEGER,
    settings    TEXT NOT NULL,            -- JSON
    tcp_interval_ns   INTEGER,            -- how long the rows of traffic_tcp_interval are; NULL: it has none
    send_cpu_ns       INTEGER,            -- processor time of the senders, ...
    receive_cpu_ns    INTEGER,            -- ... and of the receivers
    send_batch_max    INTEGER,            -- the most datagrams that had one send time in common (a batch of UDP GSO);
                                          -- 1: each had its own.  This and the rest is NULL where there is no UDP
    receive_batch_max INTEGER,            -- and one receive time (a batch of UDP GRO)
    late_packets      INTEGER,            -- datagrams that were sent when their successor was due, too
    late_p50_ns       INTEGER,            -- how long after their moment datagrams with a schedule were sent; of a
    late_p99_ns       INTEGER,            -- replay frames
    late_max_ns       INTEGER
);

-- One flow of a run, as its two ends counted it.
CREATE TABLE traffic_flow (
    run_id           INTEGER NOT NULL,
    number           INTEGER NOT NULL,    -- of the flow within the run, from 0
    flow_id          INTEGER NOT NULL,    -- the direction in which the payload goes
    sent_packets     INTEGER,             -- datagrams; NULL for TCP
    sent_bytes       INTEGER NOT NULL,    -- payload
    received_packets INTEGER,             -- datagrams that came, duplicates not counted
    received_bytes   INTEGER NOT NULL,
    lost             INTEGER,
    duplicated       INTEGER,
    reordered        INTEGER,
    owd_min_ns       INTEGER,             -- one-way delay
    owd_p50_ns       INTEGER,
    owd_p90_ns       INTEGER,
    owd_p99_ns       INTEGER,
    owd_p999_ns      INTEGER,
    owd_max_ns       INTEGER,
    jitter_ns        INTEGER,             -- RFC 3550
    pdv_p50_ns       INTEGER,             -- RFC 5481
    pdv_p99_ns       INTEGER,
    failed           TEXT,                -- what went wrong, for people
    class            INTEGER,             -- of flows that are alike: the group of the run's settings, from 0
    retransmitted    INTEGER,             -- segments of TCP; this and the next ones are NULL for UDP
    rtt_ns           INTEGER,             -- the smoothed round trip at the end, as the sender's kernel says,
    rtt_mean_ns      INTEGER,             -- the mean of those that were read once a second,
    rtt_max_ns       INTEGER,             -- and the largest
    rtt_min_ns       INTEGER,             -- the shortest round trip of all, smoothed or not
    cwnd_max_bytes   INTEGER,             -- the largest congestion window that was read
    loss_bursts      INTEGER,             -- rows of losses; this and the next ones are NULL for TCP
    loss_longest     INTEGER,             -- datagrams of the longest of them
    reorder_extent   INTEGER,             -- the largest, RFC 4737, 4.2.2
    responses        INTEGER,             -- of requests: those that got a response; NULL of other flows
    response_min_ns  INTEGER,             -- how long that took, from the send time to the response's receive time
    response_p50_ns  INTEGER,
    response_p90_ns  INTEGER,
    response_p99_ns  INTEGER,
    response_p999_ns INTEGER,
    response_max_ns  INTEGER,
    PRIMARY KEY (run_id, number)
);

-- The live table of a run: one row a second, all flows together.
CREATE TABLE traffic_interval (
    run_id           INTEGER NOT NULL,
    start_ns         INTEGER NOT NULL,
    end_ns           INTEGER NOT NULL,
    sent_packets     INTEGER NOT NULL,
    sent_bytes       INTEGER NOT NULL,
    received_packets INTEGER NOT NULL,
    received_bytes   INTEGER NOT NULL,
    owd_p50_ns       INTEGER,             -- one-way delay of the datagrams that came in this second
    owd_p99_ns       INTEGER,
    owd_max_ns       INTEGER,
    tcp_flows        INTEGER,             -- TCP flows whose kernel was asked in this second (TCP_INFO); NULL: none,
                                          -- and so is what follows
    retransmitted    INTEGER,             -- segments of all of them
    rtt_p50_ns       INTEGER,             -- over the flows, of their smoothed round trips
    rtt_p99_ns       INTEGER,
    rtt_max_ns       INTEGER,
    rtt_min_ns       INTEGER,             -- the shortest of any
    cwnd_p50_bytes   INTEGER,             -- the median congestion window
    delivery_bps     INTEGER,             -- the sum of the latest delivery rates, bits of payload a second
    unacked_bytes    INTEGER,             -- the sum of what was sent and not confirmed yet
    PRIMARY KEY (run_id, start_ns)
);

-- The same of single TCP flows, at most 65,536 rows a run: of a larger one each row is of several seconds.
CREATE TABLE traffic_tcp_interval (
    run_id         INTEGER NOT NULL,
    number         INTEGER NOT NULL,      -- of the flow within the run
    start_ns       INTEGER NOT NULL,
    end_ns         INTEGER NOT NULL,
    retransmitted  INTEGER NOT NULL,      -- segments in it; they sum to traffic_flow's
    rtt_ns         INTEGER,               -- how the flow stood at its end: the smoothed round trip (RFC 6298) ...
    rttvar_ns      INTEGER,               -- ... and its mean deviation
    rtt_min_ns     INTEGER,               -- the shortest round trip of the last minutes
    cwnd_bytes     INTEGER,               -- congestion window
    ssthresh_bytes INTEGER,               -- slow start threshold; NULL: slow start has never ended
    delivery_bps   INTEGER,               -- the latest delivery rate, bits of payload a second
    unacked_bytes  INTEGER,               -- sent, and not confirmed yet
    PRIMARY KEY (run_id, number, start_ns)
);

-- The same by class of flows.
CREATE TABLE traffic_class_interval (
    run_id           INTEGER NOT NULL,
    class            INTEGER NOT NULL,    -- as in traffic_flow
    start_ns         INTEGER NOT NULL,
    end_ns           INTEGER NOT NULL,
    sent_packets     INTEGER NOT NULL,
    sent_bytes       INTEGER NOT NULL,
    received_packets INTEGER NOT NULL,
    received_bytes   INTEGER NOT NULL,
    PRIMARY KEY (run_id, class, start_ns)
);

-- One-way delay of a run, all UDP flows together: bins of a log-linear histogram.
CREATE TABLE traffic_histogram (
    run_id   INTEGER NOT NULL,
    low_ns   INTEGER NOT NULL,
    high_ns  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, low_ns)
);

-- The same by class of flows.
CREATE TABLE traffic_class_histogram (
    run_id   INTEGER NOT NULL,
    class    INTEGER NOT NULL,            -- as in traffic_flow
    low_ns   INTEGER NOT NULL,
    high_ns  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, class, low_ns)
);

-- How long responses took, of all requests of a run: bins of a log-linear histogram.
CREATE TABLE traffic_response_histogram (
    run_id   INTEGER NOT NULL,
    low_ns   INTEGER NOT NULL,
    high_ns  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, low_ns)
);

-- Losses of a run's datagrams by how many of a flow were lost in a row.
CREATE TABLE traffic_loss (
    run_id INTEGER NOT NULL,
    low    INTEGER NOT NULL,              -- so many, ...
    high   INTEGER,                       -- ... up to so many; NULL: or more
    count  INTEGER NOT NULL,              -- rows of such a length
    PRIMARY KEY (run_id, low)
);

-- A sample of a run's datagrams, as long as it has few enough all of them: where each was when.
CREATE TABLE traffic_stamp (
    run_id      INTEGER NOT NULL,
    number      INTEGER NOT NULL,         -- of the flow within the run
    sequence    INTEGER NOT NULL,         -- of the datagram within the flow, from 0
    sent_ns     INTEGER NOT NULL,         -- by the sender's clock, before it was handed to the kernel
    tap_out_ns  INTEGER,                  -- out of the sender's tap; NULL: not captured there, like the next two
    tap_in_ns   INTEGER,                  -- into the receiver's tap
    received_ns INTEGER,                  -- the receive time of the socket
    PRIMARY KEY (run_id, number, sequence)
);

-- Counts of an exporter at a moment, from its beginning on.
CREATE TABLE exporter_health (
    exporter_id       INTEGER NOT NULL,
    at_ns             INTEGER NOT NULL,
    datagrams         INTEGER NOT NULL,
    bytes             INTEGER NOT NULL,   -- UDP payload
    records           INTEGER NOT NULL,   -- flow records and flow samples
    lost              INTEGER NOT NULL,   -- in the unit of the protocol's sequence number, see lost_unit
    lost_unit         TEXT NOT NULL,      -- datagrams, records
    reordered         INTEGER NOT NULL,
    duplicated        INTEGER NOT NULL,
    restarts          INTEGER NOT NULL,
    unknown_templates INTEGER NOT NULL,   -- data sets that came before their template and were not decoded
    held              INTEGER NOT NULL,   -- data sets that waited for their template and were decoded
    malformed         INTEGER NOT NULL,   -- datagrams that were not whole; what was whole in them was taken
    unknown_records   INTEGER NOT NULL,   -- records of a kind that nsmon does not know, skipped by their length
    lost_samples      INTEGER NOT NULL,   -- sFlow flow samples missing by their own numbers, lost datagrams' included
    lost_counters     INTEGER NOT NULL,   -- sFlow counter samples, likewise
    dropped_samples   INTEGER NOT NULL,   -- of both, those missing though no datagram is: the agent dropped them
    PRIMARY KEY (exporter_id, at_ns)
);

-- The collector itself, at a moment.
CREATE TABLE collector_health (
    session_id     INTEGER NOT NULL,
    at_ns          INTEGER NOT NULL,
    datagrams      INTEGER NOT NULL,
    kernel_drops   INTEGER NOT NULL,      -- SO_RXQ_OVFL
    queue_drops    INTEGER NOT NULL,      -- rows lost because the writer was too slow
    unrecognised   INTEGER NOT NULL,      -- datagrams that are no export
    buffer_bytes   INTEGER NOT NULL,      -- the smallest real receive buffer
    PRIMARY KEY (session_id, at_ns)
);

-- Templates, so that a restart is not blind.
CREATE TABLE template (
    session_id  INTEGER NOT NULL,
    protocol    TEXT NOT NULL,
    agent       BLOB NOT NULL,
    domain      INTEGER NOT NULL,
    transport   TEXT NOT NULL,
    template_id INTEGER NOT NULL,
    recv_ns     INTEGER NOT NULL,         -- of an earlier session: when its exporter last spoke there
    body        BLOB NOT NULL,            -- the template record as it stood on the wire; empty: withdrawn
    options     INTEGER NOT NULL,         -- 1: an options template
    PRIMARY KEY (session_id, protocol, agent, domain, transport, template_id)
);

CREATE VIEW v_sflow_sample AS
SELECT s.id, s.session_id, s.exporter_id, s.flow_id, s.recv_ns, datetime(s.recv_ns / 1000000000, 'unixepoch') AS received,
       f.proto, f.src_text AS src, f.sport, f.dst_text AS dst, f.dport, s.sampling_rate, s.sample_pool, s.drops,
       s.frame_bytes, s.stripped, s.frame_bytes - s.stripped AS l2_bytes, s.input_kind, s.input, s.output_kind,
       s.output, s.sequence, s.vlan, s.tos, s.ttl, s.tcp_flags, s.discarded, s.tunnel,
       i.proto AS inner_proto, i.src_text AS inner_src, i.sport AS inner_sport, i.dst_text AS inner_dst,
       i.dport AS inner_dport, s.extra
  FROM sflow_sample s LEFT JOIN flow f ON f.id = s.flow_id LEFT JOIN flow i ON i.id = s.inner_flow_id;

CREATE VIEW v_flow_record AS
SELECT r.id, r.session_id, r.exporter_id, r.flow_id, e.protocol AS exporter_protocol, r.recv_ns,
       datetime(r.recv_ns / 1000000000, 'unixepoch') AS received,
       f.proto, f.src_text AS src, f.sport, f.dst_text AS dst, f.dport, r.packets, r.bytes, e.byte_layer, r.l3_bytes,
       r.direction, r.start_ns, r.end_ns, r.input, r.output, r.sampling_rate, r.rate_source, r.scaled, r.template_id,
       r.vlan, r.tos, r.ttl, r.tcp_flags, r.src_as, r.dst_as, r.extra
  FROM flow_record r JOIN exporter e ON e.id = r.exporter_id LEFT JOIN flow f ON f.id = r.flow_id;

CREATE VIEW v_truth AS
SELECT t.session_id, t.flow_id, c.name AS capture, c.role,
       CASE t.direction WHEN 0 THEN 'out' ELSE 'in' END AS direction,
       f.proto, f.src_text AS src, f.sport, f.dst_text AS dst, f.dport, t.bucket_ns,
       datetime(t.bucket_ns / 1000000000, 'unixepoch') AS second, t.packets, t.bytes, t.first_ns, t.last_ns
  FROM truth t JOIN capture c ON c.id = t.capture_id JOIN flow f ON f.id = t.flow_id;
