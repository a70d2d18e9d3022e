nsmon_unit_test(store SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_store.c ROOMS store)
nsmon_unit_test(broker SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_broker.c ROOMS store)
nsmon_unit_test(migration SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_migration.c ROOMS store)
