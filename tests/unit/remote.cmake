nsmon_unit_test(remote SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_remote.c ROOMS remote traffic common)
