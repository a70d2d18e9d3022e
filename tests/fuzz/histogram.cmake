# Histograms of sizes and gaps, as scenarios and 'nsmon send' read them.
nsmon_fuzz_target(histogram SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_histogram.c ROOMS plan common SEEDS histogram)
