nsmon_unit_test(common SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_common.c ROOMS common)
