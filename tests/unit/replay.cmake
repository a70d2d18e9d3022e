nsmon_unit_test(replay SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_replay.c ROOMS replay)
