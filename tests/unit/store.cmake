nsmon_unit_test(store SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_store.c ROOMS store)
