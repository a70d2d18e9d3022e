nsmon_unit_test(capture SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_capture.c ROOMS capture)
