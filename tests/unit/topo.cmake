nsmon_unit_test(topo SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_topo.c ROOMS topo)
nsmon_unit_test(topo_address SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_topo_address.c ROOMS topo)
nsmon_unit_test(openflow SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_openflow.c ROOMS topo)
