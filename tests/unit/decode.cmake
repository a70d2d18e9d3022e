nsmon_unit_test(packet SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_packet.c ROOMS decode common)
