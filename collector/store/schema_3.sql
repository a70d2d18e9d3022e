-- From version 2 to version 3: what schema.sql has more, column by column in the same order.

ALTER TABLE traffic_run ADD COLUMN tcp_interval_ns INTEGER;
ALTER TABLE traffic_run ADD COLUMN send_cpu_ns INTEGER;
ALTER TABLE traffic_run ADD COLUMN receive_cpu_ns INTEGER;
ALTER TABLE traffic_run ADD COLUMN send_batch_max INTEGER;
ALTER TABLE traffic_run ADD COLUMN receive_batch_max INTEGER;
ALTER TABLE traffic_run ADD COLUMN late_packets INTEGER;
ALTER TABLE traffic_run ADD COLUMN late_p50_ns INTEGER;
ALTER TABLE traffic_run ADD COLUMN late_p99_ns INTEGER;
ALTER TABLE traffic_run ADD COLUMN late_max_ns INTEGER;

ALTER TABLE traffic_flow ADD COLUMN retransmitted INTEGER;
ALTER TABLE traffic_flow ADD COLUMN rtt_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN rtt_mean_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN rtt_max_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN rtt_min_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN cwnd_max_bytes INTEGER;
ALTER TABLE traffic_flow ADD COLUMN loss_bursts INTEGER;
ALTER TABLE traffic_flow ADD COLUMN loss_longest INTEGER;
ALTER TABLE traffic_flow ADD COLUMN reorder_extent INTEGER;
ALTER TABLE traffic_flow ADD COLUMN responses INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_min_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_p50_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_p90_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_p99_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_p999_ns INTEGER;
ALTER TABLE traffic_flow ADD COLUMN response_max_ns INTEGER;

ALTER TABLE traffic_interval ADD COLUMN tcp_flows INTEGER;
ALTER TABLE traffic_interval ADD COLUMN retransmitted INTEGER;
ALTER TABLE traffic_interval ADD COLUMN rtt_p50_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN rtt_p99_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN rtt_max_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN rtt_min_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN cwnd_p50_bytes INTEGER;
ALTER TABLE traffic_interval ADD COLUMN delivery_bps INTEGER;
ALTER TABLE traffic_interval ADD COLUMN unacked_bytes INTEGER;

CREATE TABLE traffic_response_histogram (
    run_id   INTEGER NOT NULL,
    low_ns   INTEGER NOT NULL,
    high_ns  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, low_ns)
);

CREATE TABLE traffic_loss (
    run_id INTEGER NOT NULL,
    low    INTEGER NOT NULL,
    high   INTEGER,
    count  INTEGER NOT NULL,
    PRIMARY KEY (run_id, low)
);

CREATE TABLE traffic_tcp_interval (
    run_id         INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    start_ns       INTEGER NOT NULL,
    end_ns         INTEGER NOT NULL,
    retransmitted  INTEGER NOT NULL,
    rtt_ns         INTEGER,
    rttvar_ns      INTEGER,
    rtt_min_ns     INTEGER,
    cwnd_bytes     INTEGER,
    ssthresh_bytes INTEGER,
    delivery_bps   INTEGER,
    unacked_bytes  INTEGER,
    PRIMARY KEY (run_id, number, start_ns)
);
