# What a stranger may say to 'nsmon recv'.
nsmon_fuzz_target(remote SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_remote.c ROOMS remote traffic common SEEDS message)
