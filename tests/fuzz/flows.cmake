# The filter of 'nsmon flows': what the parser takes, SQLite must take.
nsmon_fuzz_target(filter SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_filter.c ROOMS flows read store common SEEDS filter)
