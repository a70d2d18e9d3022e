nsmon_unit_test(impairment SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_impairment.c ROOMS topo)
nsmon_unit_test(relay SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_relay.c ROOMS relay)
