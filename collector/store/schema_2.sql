-- From version 1 to version 2: what schema.sql has more, column by column in the same order.

ALTER TABLE traffic_interval ADD COLUMN owd_p50_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN owd_p99_ns INTEGER;
ALTER TABLE traffic_interval ADD COLUMN owd_max_ns INTEGER;

ALTER TABLE traffic_flow ADD COLUMN class INTEGER;

CREATE TABLE traffic_class_interval (
    run_id           INTEGER NOT NULL,
    class            INTEGER NOT NULL,
    start_ns         INTEGER NOT NULL,
    end_ns           INTEGER NOT NULL,
    sent_packets     INTEGER NOT NULL,
    sent_bytes       INTEGER NOT NULL,
    received_packets INTEGER NOT NULL,
    received_bytes   INTEGER NOT NULL,
    PRIMARY KEY (run_id, class, start_ns)
);

CREATE TABLE traffic_class_histogram (
    run_id   INTEGER NOT NULL,
    class    INTEGER NOT NULL,
    low_ns   INTEGER NOT NULL,
    high_ns  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, class, low_ns)
);

CREATE TABLE traffic_stamp (
    run_id      INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    sent_ns     INTEGER NOT NULL,
    tap_out_ns  INTEGER,
    tap_in_ns   INTEGER,
    received_ns INTEGER,
    PRIMARY KEY (run_id, number, sequence)
);
