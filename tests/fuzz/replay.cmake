# What a replay makes of captured frames.
nsmon_fuzz_target(replay SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_replay.c ROOMS replay capfile common SEEDS packet)
