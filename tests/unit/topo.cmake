nsmon_unit_test(topo SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_topo.c ROOMS topo)
