nsmon_unit_test(filter SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_filter.c ${CMAKE_SOURCE_DIR}/tests/unit/report_fixture.c
                ROOMS flows read common)
nsmon_unit_test(flows SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_flows.c ${CMAKE_SOURCE_DIR}/tests/unit/report_fixture.c
                ROOMS flows read common)
