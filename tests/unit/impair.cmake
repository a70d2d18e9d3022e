nsmon_unit_test(impairment SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_impairment.c ROOMS topo)
