# Scenarios as anybody may write them; the seeds are those that come with the program.
nsmon_fuzz_target(scenario SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_scenario.c ROOMS scenario common SEEDS scenario)
