nsmon_unit_test(common SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_common.c ROOMS common)
nsmon_unit_test(quantity SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_quantity.c ROOMS common)
nsmon_unit_test(stamps SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_stamps.c ROOMS common)
