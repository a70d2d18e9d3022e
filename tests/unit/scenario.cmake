nsmon_unit_test(scenario SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_scenario.c ROOMS scenario common)
