nsmon_unit_test(stats SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_stats.c ROOMS stats)
