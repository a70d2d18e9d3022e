nsmon_unit_test(collector
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_collector.c ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
nsmon_unit_test(sflow5
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_sflow5.c ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
nsmon_unit_test(ipfix
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/test_ipfix.c ${CMAKE_SOURCE_DIR}/tests/unit/export_maker.c
          ${CMAKE_SOURCE_DIR}/tests/golden/fake_store.c
  ROOMS collector decode common)
